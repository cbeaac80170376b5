"""Remote code: the package's modules that a model needs, as flat files beside its weights.

transformers loads them if the user passes `trust_remote_code=True`. They must lie in one folder, and the other packages
that they import must be installed.
"""

import ast
import re
from collections.abc import Iterable
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

from crossner_hf import __version__

PACKAGE = "crossner_hf"
PIPELINE = "tagger.pipeline"
# The task of a repository's own pipeline. Not `crossner`, which the package registers: transformers would then require
# trust_remote_code even if the package is installed.
TASK = "named-entity-recognition"
# By model_type: the module, its configuration, its model, and its tokenizer if that is not a stock class.
TAGGERS = {
    "encoder-crf": ("models.encoder_crf", "EncoderCRFConfig", "EncoderCRFForTokenClassification", None),
    "bilstm-crf": ("models.bilstm_crf", "BiLSTMCRFConfig", "BiLSTMCRFForTokenClassification", "WordTokenizer"),
    "coach": ("models.coach", "CoachConfig", "CoachForTokenClassification", "WordTokenizer"),
    "cross-domain-lm": (
        *("models.cross_domain_lm", "CrossDomainLMConfig", "CrossDomainLMForTokenClassification", "WordTokenizer"),
    ),
    "multi-cell-lstm": (  # its tokenizer may also be that of its encoder
        *("models.multi_cell_lstm", "MultiCellLSTMConfig", "MultiCellLSTMForTokenClassification", "WordTokenizer"),
    ),
}
TOKENIZER = "models.word_tokenizer"


def remote_files(model_type: str) -> dict[str, str]:
    """Give the files, by name, that a tagger of this type and the pipeline need."""
    wanted = [PIPELINE]
    if model_type in TAGGERS:
        module, _, _, tokenizer = TAGGERS[model_type]
        wanted += [module, *([TOKENIZER] if tokenizer else [])]
    return flat_files(f"{PACKAGE}.{name}" for name in wanted)


def config_entries(model_type: str) -> dict[str, Any]:
    impl = f"{_file(PIPELINE)}.CrossNERPipeline"
    pipelines = {TASK: {"impl": impl, "pt": ["AutoModelForTokenClassification"], "type": "text"}}
    if model_type not in TAGGERS:
        return {"custom_pipelines": pipelines}
    module, config, model, _ = TAGGERS[model_type]
    classes = {"AutoConfig": config, "AutoModelForTokenClassification": model}
    return {
        "auto_map": {auto: f"{_file(module)}.{name}" for auto, name in classes.items()},
        "custom_pipelines": pipelines,
    }


def tokenizer_entries(model_type: str, tokenizer_class: str | None) -> dict[str, Any]:
    own = TAGGERS[model_type][3] if model_type in TAGGERS else None
    if own is None or own != tokenizer_class:
        return {}
    return {"auto_map": {"AutoTokenizer": [None, f"{_file(TOKENIZER)}.{own}"]}}


def flat_files(modules: Iterable[str]) -> dict[str, str]:
    """Give the text, by file name, of these modules and of all that they import relatively, as files of one folder.

    Raises ValueError if two files would have one name, or a module imports the package by its absolute name.
    """
    waiting, sources, origins = list(modules), dict[str, str](), dict[str, str]()
    while waiting:
        module = waiting.pop()
        name = _file(module)
        if origins.setdefault(name, module) != module:
            raise ValueError(f"{module} and {origins[name]} would both become {name}.py")
        if f"{name}.py" not in sources:
            sources[f"{name}.py"], needed = _flat(module)
            waiting += needed
    return dict(sorted(sources.items()))


def _file(module: str) -> str:
    return module.rpartition(".")[2]


def _flat(module: str) -> tuple[str, list[str]]:
    """Give the text of a module with relative imports from one folder, and the modules that it imports in this way."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None  # modules of the package are files
    lines = Path(spec.origin).read_text(encoding="utf-8").splitlines(keepends=True)
    tree = ast.parse("".join(lines))
    needed = []
    for node in _nodes(tree):
        if isinstance(node, ast.If) and _is_for_type_checkers(node):
            end = node.end_lineno or node.lineno
            lines[node.lineno - 1 : end] = [""] * (end - node.lineno + 1)
        elif isinstance(node, ast.ImportFrom) and node.level:
            if not node.module:
                raise ValueError(f"{module}, line {node.lineno}: 'from . import' cannot travel; name the module")
            target = resolve_name("." * node.level + node.module, spec.parent)
            needed.append(target)
            line = lines[node.lineno - 1]
            lines[node.lineno - 1] = re.sub(
                r"from\s+\.+[\w.]*\s+import", f"from .{_file(target)} import", line, count=1
            )
        elif isinstance(node, ast.Import | ast.ImportFrom) and PACKAGE in _absolute(node):
            raise ValueError(f"{module}, line {node.lineno}: an absolute import of {PACKAGE} cannot travel")
    head = f"# {module} of crossner-hf {__version__}, MIT licence; written by `crossner-hf push`, not to be edited.\n"
    return head + "".join(lines), needed


def _nodes(tree: ast.AST) -> list[ast.AST]:
    """List all nodes at any depth, except those inside `if TYPE_CHECKING:`."""
    nodes: list[ast.AST] = []
    for node in ast.iter_child_nodes(tree):
        nodes.append(node)
        if not _is_for_type_checkers(node):
            nodes += _nodes(node)
    return nodes


def _is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _absolute(node: ast.Import | ast.ImportFrom) -> set[str]:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    if isinstance(node, ast.ImportFrom) and not node.level:
        names.append(node.module or "")
    return {name.partition(".")[0] for name in names}
