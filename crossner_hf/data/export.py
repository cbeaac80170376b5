"""A folder of Parquet files and a card, which `load_dataset(folder, "music")` reads with no package installed."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import datasets
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCardData

from crossner_hf.data.builder import CITATION, load
from crossner_hf.data.sources import COMMIT, REPOSITORY
from crossner_hf.schema import SOURCE, get_domain

CARD = """# CrossNER

Named entity recognition in {names}, exported by crossner-hf from the official files of
[zliucr/CrossNER]({repository}) at commit `{commit}`. Columns: `id`, `tokens`, `ner_tags` (IOB2, `ClassLabel`).

```python
from datasets import load_dataset

dataset = load_dataset("THIS_FOLDER", "{last}")
```
{notice}
```bibtex
{citation}
```
"""
NOTICE = "\nThe text of `conll2003` is Reuters' (RCV1): research use only, not to be passed on.\n"


def export(
    folder: Path, names: Sequence[str], *, data_dir: str | Path | None = None, verify: bool = True
) -> None:
    """Write `<domain>/<split>-00000-of-00001.parquet` and README.md. The folder must be new or empty.

    Raises FileExistsError for a folder that holds anything; leaves nothing behind when it fails.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder}: exists and is not an empty folder; name a new one")
    domains = [get_domain(name) for name in names]
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    card_data = DatasetCardData(
        language="en", license="other", task_categories=["token-classification"], pretty_name="CrossNER"
    )
    infos, configs = datasets.info.DatasetInfosDict(), MetadataConfigs()
    try:
        for domain in domains:
            splits = load(domain.folder or domain.name, data_dir=data_dir, verify=verify)
            for split, dataset in splits.items():
                path = temporary / domain.name / f"{split}-00000-of-00001.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                dataset.to_parquet(path)
            infos[domain.name] = _info(domain.name, splits, temporary / domain.name)
            files = [{"split": split, "path": f"{domain.name}/{split}-*"} for split in splits]
            configs[domain.name] = {"data_files": files}
        infos.to_dataset_card_data(card_data)
        configs.to_dataset_card_data(card_data)
        text = CARD.format(
            names=", ".join(domain.name for domain in domains),
            repository=REPOSITORY,
            commit=COMMIT,
            last=domains[-1].name,
            notice=NOTICE if SOURCE in domains else "",
            citation=CITATION,
        )
        (temporary / "README.md").write_text(f"---\n{card_data.to_yaml()}\n---\n\n{text}", encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _info(name: str, splits: datasets.DatasetDict, files: Path) -> datasets.DatasetInfo:
    """Features and sizes, as they stand in a card's YAML."""
    sizes = {split: datasets.SplitInfo(split, dataset.data.nbytes, len(dataset)) for split, dataset in splits.items()}
    return datasets.DatasetInfo(
        features=splits["train"].features,
        splits=datasets.SplitDict.from_split_dict(list(sizes.values())),
        config_name=name,
        download_size=sum(path.stat().st_size for path in files.glob("*.parquet")),
        dataset_size=sum(info.num_bytes for info in sizes.values()),
    )
