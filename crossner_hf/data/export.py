"""A folder of Parquet files and a card, which `load_dataset(folder, "music")` reads with no package installed."""

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import datasets
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCardData

from crossner_hf.data.builder import CITATION, load
from crossner_hf.data.sources import COMMIT, REPOSITORY, is_official, official_name
from crossner_hf.schema import DEDUPLICATED, SAMPLES, SOURCE, Domain, get_domain

CARD = """# CrossNER

Named entity recognition in {names}, exported by crossner-hf. Columns: `id`, `tokens`, `ner_tags` (IOB2, `ClassLabel`).

{origins}

```python
from datasets import load_dataset

dataset = load_dataset("THIS_FOLDER", "{last}")
```

```bibtex
{citation}
```
"""


def export(
    folder: str | Path, names: Sequence[str | Path], *, data_dir: str | Path | None = None, verify: bool = True
) -> list[str]:
    """Write `<domain>/<split>-00000-of-00001.parquet` and README.md; the configurations' names. Wants a new folder.

    Raises FileExistsError for a folder that holds anything; leaves nothing behind when it fails.
    """
    folder = Path(folder).expanduser().resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder}: exists and is not an empty folder; name a new one")
    domains = [get_domain(name) for name in names]
    repeated = sorted(name for name, count in Counter(domain.name for domain in domains).items() if count > 1)
    if not domains or repeated:
        raise ValueError(f"expected domains with different names to export, got {repeated or 'none'}")
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        infos, configs = datasets.info.DatasetInfosDict(), MetadataConfigs()
        for domain in domains:
            splits = load(domain.folder or domain.name, data_dir=data_dir, verify=verify)
            for split, dataset in splits.items():
                path = temporary / domain.name / f"{split}-00000-of-00001.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                dataset.to_parquet(path)
            infos[domain.name] = _info(domain.name, splits, temporary / domain.name)
            files = [{"split": split, "path": f"{domain.name}/{split}-*"} for split in splits]
            configs[domain.name] = {"data_files": files}
        (temporary / "README.md").write_text(_card(domains, infos, configs, verify), encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return [domain.name for domain in domains]


def _card(
    domains: Sequence[Domain], infos: datasets.info.DatasetInfosDict, configs: MetadataConfigs, verify: bool
) -> str:
    """README.md: what `load_dataset` reads as YAML, then what a person reads."""
    data = DatasetCardData(
        language="en", license="other", task_categories=["token-classification"], pretty_name="CrossNER"
    )
    infos.to_dataset_card_data(data)
    configs.to_dataset_card_data(data)
    text = CARD.format(
        names=", ".join(domain.name for domain in domains),
        origins="\n".join(f"- `{domain.name}`: {_origin(domain, verify)}" for domain in domains),
        last=domains[-1].name,
        citation=CITATION,
    )
    return f"---\n{data.to_yaml()}\n---\n\n{text}"


def _origin(domain: Domain, verify: bool) -> str:
    """Where the sentences are from and what may be done with them."""
    if domain.name in SAMPLES:
        return "sentences written by hand for crossner-hf; not CrossNER, and a score on them is no CrossNER score."
    if not is_official(domain):
        return "a domain of the user's own; not CrossNER."
    text = f"the official files of [zliucr/CrossNER]({REPOSITORY}) at commit `{COMMIT}`."
    if not verify:
        text = f"files in place of those of [zliucr/CrossNER]({REPOSITORY}), their checksums not verified."
    if domain.name in DEDUPLICATED:
        text += " Evaluation rows whose text also stands in other splits are taken out."
    if official_name(domain) == SOURCE.name:
        text += " The text is Reuters' (RCV1): research use only, not to be passed on."
    return text


def _info(name: str, splits: datasets.DatasetDict, files: Path) -> datasets.DatasetInfo:
    """Features and sizes, as they stand in a card's YAML."""
    sizes = {split: datasets.SplitInfo(split, dataset.data.nbytes, len(dataset)) for split, dataset in splits.items()}
    return datasets.DatasetInfo(
        features=splits["train"].features,
        splits=datasets.SplitDict(sizes),
        config_name=name,
        download_size=sum(path.stat().st_size for path in files.glob("*.parquet")),
        dataset_size=sum(info.num_bytes for info in sizes.values()),
    )
