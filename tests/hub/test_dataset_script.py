"""The one-file builder for older `datasets`: rendered from the package, and giving what the package gives.

How it runs as a script is tested where `datasets` still runs scripts: tests/legacy.
"""

import ast
import json
import runpy
import sys
from pathlib import Path

from crossner_hf.data.builder import load

SCRIPT = Path(__file__).parents[2] / "dataset_scripts" / "crossner" / "crossner.py"
PREPARE = Path(__file__).parents[1] / "legacy" / "prepare.py"


def test_the_script_imports_only_datasets():
    imported = set()
    for node in ast.walk(ast.parse(SCRIPT.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.partition(".")[0])
    assert imported - sys.stdlib_module_names == {"datasets"}


def test_the_builder_in_the_script_gives_rows_and_features_of_the_package(tmp_path, run_python, own_cache):
    files = runpy.run_path(str(PREPARE))["write_stand_in"](tmp_path / "files")
    names = ["music", "music_dedup", "science_dedup", "conll2003"]
    program = f"""
import sys
sys.modules["crossner_hf"] = None
sys.path.insert(0, {str(SCRIPT.parent)!r})
import json
import crossner
found = {{}}
for name in {names}:
    builder = crossner.CrossNER(config_name=name, data_dir={str(files)!r}, verify=False, cache_dir="cache")
    builder.download_and_prepare()
    rows = {{split: rows.to_list() for split, rows in builder.as_dataset().items()}}
    found[name] = [repr(builder.info.features), builder.info.citation, rows]
print(json.dumps(found))
"""
    found = json.loads(run_python(program).stdout)
    for name in names:
        ours = load(name, data_dir=files, verify=False)
        info = ours["train"].info
        rows = {split: rows.to_list() for split, rows in ours.items()}
        assert found[name] == [repr(info.features), info.citation, rows], name
