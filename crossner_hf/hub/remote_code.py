"""The package's own modules as the code that travels with a model: flat files beside the weights.

transformers loads them where the user says `trust_remote_code=True`. It wants them in one folder, and what else they
import installed.
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
# The task of a repository's own pipeline. Not `crossner`, which the package registers: transformers would then ask for
# trust_remote_code where the package is installed, too.
TASK = "named-entity-recognition"
# By model_type: the module, its configuration, its model, and its tokenizer where that is no stock class.
TAGGERS = {
    "encoder-crf": ("models.encoder_crf", "EncoderCRFConfig", "EncoderCRFForTokenClassification", None),
    "bilstm-crf": ("models.bilstm_crf", "BiLSTMCRFConfig", "BiLSTMCRFForTokenClassification", "WordTokenizer"),
    "coach": ("models.coach", "CoachConfig", "CoachForTokenClassification", "WordTokenizer"),
}
TOKENIZER = "models.word_tokenizer"


def remote_files(model_type: str) -> dict[str, str]:
    """Source text by file name: what a tagger of this type and the pipeline need."""
    wanted = [PIPELINE]
    if model_type in TAGGERS:
        module, _, _, tokenizer = TAGGERS[model_type]
        wanted += [module, *([TOKENIZER] if tokenizer else [])]
    return flat_files(f"{PACKAGE}.{name}" for name in wanted)


def config_entries(model_type: str) -> dict[str, Any]:
    """What `config.json` has to say of the code."""
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


def tokenizer_entries(model_type: str) -> dict[str, Any]:
    """What `tokenizer_config.json` has to say of the code."""
    tokenizer = TAGGERS[model_type][3] if model_type in TAGGERS else None
    return {"auto_map": {"AutoTokenizer": [None, f"{_file(TOKENIZER)}.{tokenizer}"]}} if tokenizer else {}


def flat_files(modules: Iterable[str]) -> dict[str, str]:
    """These modules and all that they import of the package, as files of one folder.

    Raises ValueError where two would have one name, or one cannot be had without the rest of the package.
    """
    waiting, sources, origins = list(modules), {}, {}
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
    """A module's text with its relative imports from one folder, and the modules that it imports so."""
    spec = find_spec(module)
    lines = Path(spec.origin).read_text(encoding="utf-8").splitlines(keepends=True)
    tree = ast.parse("".join(lines))
    needed = []
    for node in _nodes(tree):
        if _is_for_type_checkers(node):
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
        elif isinstance(node, ast.ImportFrom) and node.level:
            if not node.module:
                raise ValueError(f"{module}, line {node.lineno}: 'from . import' cannot travel; name the module")
            target = resolve_name("." * node.level + node.module, spec.parent)
            needed.append(target)
            line = lines[node.lineno - 1]
            lines[node.lineno - 1] = re.sub(
                r"from\s+\.+[\w.]*\s+import", f"from .{_file(target)} import", line, count=1
            )
        elif PACKAGE in _absolute(node):
            raise ValueError(f"{module}, line {node.lineno}: an absolute import of {PACKAGE} cannot travel")
    head = f"# {module} of crossner-hf {__version__}, MIT licence; written by `crossner-hf push`, not to be edited.\n"
    return head + "".join(lines), needed


def _nodes(tree: ast.AST) -> list[ast.AST]:
    """All nodes at any depth, but for those inside of what type checkers alone read."""
    found: list[ast.AST] = []
    for node in ast.iter_child_nodes(tree):
        found.append(node)
        if not _is_for_type_checkers(node):
            found += _nodes(node)
    return found


def _is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _absolute(node: ast.AST) -> set[str]:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    if isinstance(node, ast.ImportFrom) and not node.level:
        names.append(node.module or "")
    return {name.partition(".")[0] for name in names}
