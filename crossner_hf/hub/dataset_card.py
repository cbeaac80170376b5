"""The card of a data set: YAML that the Hub and `load_dataset` read, then statistics, licences, known problems."""

from collections.abc import Sequence
from pathlib import Path

import datasets
import jinja2
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCardData

from crossner_hf import __version__
from crossner_hf.data.builder import CITATION
from crossner_hf.data.sources import COMMIT, REPOSITORY, is_official, official_name
from crossner_hf.hub.dataset_files import Configuration, CorpusFiles
from crossner_hf.hub.dataset_problems import known_problems
from crossner_hf.results.markdown import markdown_table, plain
from crossner_hf.schema import DEDUPLICATED, HUB_LABELS, SAMPLES, SOURCE, Domain

TEMPLATE = Path(__file__).with_name("templates") / "dataset_card.md"
HUB_COPY = "DFKI-SLT/cross_ner"
REUTERS_TERMS = "https://trec.nist.gov/data/reuters/reuters.html"
SIZE_BOUNDS = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B")  # between the Hub's size categories


def dataset_card(
    configurations: Sequence[Configuration], corpora: Sequence[CorpusFiles] = (), *, repo: str | None, verify: bool
) -> str:
    """Write README.md of a data set, its numbers counted in the data. `repo` is what the example loads, if pushed."""
    bases = _without_variants(configurations)
    official = [c.domain for c in bases if is_official(c.domain)]
    own = [c.domain.name for c in configurations if c.domain.folder]
    names = [c.domain.name for c in configurations]
    template = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    text = template.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        plain=plain,
        number="{:,}".format,
        table=markdown_table,
        title=_title(configurations),
        official=official,
        repository=REPOSITORY,
        repo=repo,
        example="music" if "music" in names else names[-1],
        configurations=configurations,
        bases=bases,
        corpora=corpora,
        origins=_origins(configurations),
        verify=verify,
        commit=COMMIT,
        problems=known_problems(configurations),
        hub_copy=HUB_COPY,
        hub_labels=HUB_LABELS,
        hub_ids={n: i for i, n in enumerate(HUB_LABELS) if n[0] == "B" and any(n in d.label2id for d in official)},
        reuters_terms=REUTERS_TERMS,
        unlicensed=own + [corpus.info.config_name for corpus in corpora],
        citation=CITATION,
        version=__version__,
    )
    return f"{_header(configurations, corpora)}\n{text}\n"


def _header(configurations: Sequence[Configuration], corpora: Sequence[CorpusFiles]) -> str:
    """The YAML head: what the Hub shows, and features, sizes and files of each configuration for `load_dataset`."""
    data = _metadata(configurations, corpora)
    infos, configs = datasets.info.DatasetInfosDict(), MetadataConfigs()
    for info in [*(c.info for c in configurations), *(corpus.info for corpus in corpora)]:
        infos[info.config_name] = info
        files = [{"split": split, "path": f"{info.config_name}/{split}-*"} for split in info.splits]
        configs[info.config_name] = {"data_files": files}
    infos.to_dataset_card_data(data)
    configs.to_dataset_card_data(data)
    for entry in [data["dataset_info"]] if len(infos) == 1 else data["dataset_info"]:
        for feature in entry["features"]:
            # datasets < 4 reads `list` as a Python list with no `.feature`.
            if "list" in feature and not isinstance(feature["list"], list):
                feature["sequence"] = feature.pop("list")
    return f"---\n{data.to_yaml()}\n---\n"


def _metadata(configurations: Sequence[Configuration], corpora: Sequence[CorpusFiles]) -> DatasetCardData:
    rows = sum(size.sentences for c in _without_variants(configurations) for size in c.sizes.values())
    rows += sum(corpus.rows for corpus in corpora)
    domains = [c.domain for c in configurations]
    has_reuters = any(map(_is_reuters, domains))
    is_ours = all(is_official(domain) or domain.name in SAMPLES for domain in domains)
    return DatasetCardData(
        license="mit" if is_ours and not has_reuters and not corpora else "other",
        license_name="mit-and-reuters-rcv1" if has_reuters else None,
        license_link=REUTERS_TERMS if has_reuters else None,
        language=["en"] if is_ours else None,
        annotations_creators=["expert-generated"] if is_ours else None,
        multilinguality=["monolingual"] if is_ours else None,
        size_categories=[size_category(rows)],
        task_categories=["token-classification", *(["fill-mask"] if corpora else [])],
        task_ids=["named-entity-recognition"],
        tags=["named-entity-recognition", *(["cross-domain", "few-shot", "crossner"] if is_ours else [])],
        pretty_name=_title(configurations),
    )


def size_category(rows: int) -> str:
    """The Hub's name for a data set of so many rows, such as `1K<n<10K`."""
    place = len(str(rows)) - len("100")
    return f"{SIZE_BOUNDS[place - 1]}<n<{SIZE_BOUNDS[place]}" if place > 0 else f"n<{SIZE_BOUNDS[0]}"


def _title(configurations: Sequence[Configuration]) -> str:
    domains = [c.domain for c in configurations]
    return "CrossNER" if any(map(is_official, domains)) else ", ".join(domain.name for domain in domains)


def _is_reuters(domain: Domain) -> bool:
    return is_official(domain) and official_name(domain) == SOURCE.name


def _without_variants(configurations: Sequence[Configuration]) -> list[Configuration]:
    """The configurations without the `_dedup` variants of domains that are here themselves."""
    names = {c.domain.name for c in configurations}
    return [c for c in configurations if c.domain.name not in DEDUPLICATED or official_name(c.domain) not in names]


def _origins(configurations: Sequence[Configuration]) -> dict[tuple[str, bool, bool], list[str]]:
    """Names of configurations by (official, own or sample; a `_dedup` variant; Reuters' text)."""
    names: dict[tuple[str, bool, bool], list[str]] = {}
    for domain in (c.domain for c in configurations):
        kind = "sample" if domain.name in SAMPLES else "official" if is_official(domain) else "own"
        names.setdefault((kind, domain.name in DEDUPLICATED, _is_reuters(domain)), []).append(f"`{domain.name}`")
    return names
