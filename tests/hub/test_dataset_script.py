"""The loading script for older `datasets`: it needs nothing else, and gives what the package gives.

Its use as a script is tested under a `datasets` that still runs scripts: tests/legacy.
"""

import ast
import json
import sys
from pathlib import Path

from crossner_hf.data import builder, sources
from crossner_hf.schema import BUILT_IN, SAMPLES

SCRIPT = Path(__file__).parents[2] / "dataset_scripts" / "crossner" / "crossner.py"
ROWS_OF = ["music", "music_dedup", "science_dedup", "conll2003"]
PROGRAM = """
import sys
sys.modules["crossner_hf"] = None
import json
sys.path.insert(0, sys.argv[1])
import crossner

rows = {}
for name in sys.argv[3:]:
    builder = crossner.CrossNER(config_name=name, data_dir=sys.argv[2], verify=False, cache_dir="cache")
    builder.download_and_prepare()
    rows[name] = {split: rows.to_list() for split, rows in builder.as_dataset().items()}
infos = [crossner.CrossNER(config_name=config.name).info for config in crossner.CrossNER.BUILDER_CONFIGS]
shown = {info.config_name: [repr(info.features), info.citation, info.license, info.homepage] for info in infos}
print(json.dumps([rows, shown, crossner._URLs, crossner._SHA256]))
"""


def test_the_script_imports_only_datasets():
    imported = set()
    for node in ast.walk(ast.parse(SCRIPT.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.partition(".")[0])
    assert imported - sys.stdlib_module_names == {"datasets"}


def test_rows_features_and_sources_are_those_of_the_package(stand_in_files, run_python):
    printed = run_python(PROGRAM, str(SCRIPT.parent), str(stand_in_files), *ROWS_OF).stdout
    rows, infos, urls, checksums = json.loads(printed)
    for name in ROWS_OF:
        ours = builder.load(name, data_dir=stand_in_files, verify=False)
        assert rows[name] == {split: dataset.to_list() for split, dataset in ours.items()}, name
    ours = {name: builder.CrossNER(config_name=name).info for name in BUILT_IN if name not in SAMPLES}
    assert infos == {n: [repr(i.features), i.citation, i.license, i.homepage] for n, i in ours.items()}
    assert checksums == {name: file.sha256 for name, file in sources.FILES.items()}
    assert urls == {
        domain: {split: f"{sources.BASE_URL}/{domain}/{file}" for split, file in sources.FILE_NAMES.items()}
        for domain in urls
    }
