"""A folder of Parquet files and a card, which `load_dataset(folder, "music")` reads with no package installed."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

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


class Configuration(NamedTuple):
    """A domain as it stands in a folder: its rows, and its entry under `dataset_info` of the card."""

    domain: Domain
    splits: datasets.DatasetDict
    info: datasets.DatasetInfo


def export(
    folder: str | Path, names: Sequence[str | Path], *, data_dir: str | Path | None = None, verify: bool = True
) -> list[str]:
    """Write `<domain>/<split>-00000-of-00001.parquet` and README.md; the configurations' names. Wants a new folder.

    Raises FileExistsError for a folder that holds anything; leaves nothing behind when it fails.
    """
    with new_folder(folder) as temporary:
        written = write_configurations(temporary, distinct_domains(names), data_dir=data_dir, verify=verify)
        (temporary / "README.md").write_text(_card(written, verify), encoding="utf-8")
    return [configuration.domain.name for configuration in written]


@contextmanager
def new_folder(folder: str | Path) -> Iterator[Path]:
    """A folder to write to, which becomes `folder` at the end, or is gone where something failed.

    Raises FileExistsError for a folder that holds anything.
    """
    folder = Path(folder).expanduser().resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder}: exists and is not an empty folder; name a new one")
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        yield temporary
        if folder.exists():
            folder.rmdir()
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def distinct_domains(names: Sequence[str | Path]) -> list[Domain]:
    """The domains of these names. Raises ValueError for none, for an unknown one, and for one named twice."""
    domains = [get_domain(name) for name in names]
    repeated = sorted(name for name, count in Counter(domain.name for domain in domains).items() if count > 1)
    if not domains or repeated:
        raise ValueError(f"expected domains with different names to export, got {repeated or 'none'}")
    return domains


def write_configurations(
    folder: Path, domains: Sequence[Domain], *, data_dir: str | Path | None = None, verify: bool = True
) -> list[Configuration]:
    """Write each domain's splits as Parquet files to a folder of its name."""
    written = []
    for domain in domains:
        splits = load(domain.folder or domain.name, data_dir=data_dir, verify=verify)
        for split, dataset in splits.items():
            path = folder / domain.name / f"{split}-00000-of-00001.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            dataset.to_parquet(path)
        written.append(Configuration(domain, splits, _info(domain.name, splits, folder / domain.name)))
    return written


def card_header(data: DatasetCardData, described: Sequence[datasets.DatasetInfo]) -> str:
    """The YAML head of a card: `data`, and what `load_dataset` reads of each configuration.

    That is its features, sizes and files, which are `<configuration>/<split>-*`.
    """
    infos, configs = datasets.info.DatasetInfosDict(), MetadataConfigs()
    for info in described:
        infos[info.config_name] = info
        files = [{"split": split, "path": f"{info.config_name}/{split}-*"} for split in info.splits]
        configs[info.config_name] = {"data_files": files}
    infos.to_dataset_card_data(data)
    configs.to_dataset_card_data(data)
    for info in [data["dataset_info"]] if len(described) == 1 else data["dataset_info"]:
        for feature in info["features"]:
            if "list" in feature:  # which datasets < 4 reads as a Python list with no `.feature`
                feature["sequence"] = feature.pop("list")
    return f"---\n{data.to_yaml()}\n---\n"


def origins(domains: Sequence[Domain], verify: bool) -> str:
    """A list of where the sentences are from and what may be done with them, domains with one answer in one item."""
    names: dict[str, list[str]] = {}
    for domain in domains:
        names.setdefault(_origin(domain, verify), []).append(f"`{domain.name}`")
    return "\n".join(f"- {', '.join(those)}: {text}" for text, those in names.items())


def _origin(domain: Domain, verify: bool) -> str:
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


def _card(written: Sequence[Configuration], verify: bool) -> str:
    """README.md: what `load_dataset` reads as YAML, then what a person reads."""
    domains = [configuration.domain for configuration in written]
    data = DatasetCardData(
        language="en", license="other", task_categories=["token-classification"], pretty_name="CrossNER"
    )
    text = CARD.format(
        names=", ".join(domain.name for domain in domains),
        origins=origins(domains, verify),
        last=domains[-1].name,
        citation=CITATION,
    )
    return f"{card_header(data, [configuration.info for configuration in written])}\n{text}"


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
