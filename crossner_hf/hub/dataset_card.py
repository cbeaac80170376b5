"""The card of the data set's repository: YAML that the Hub and `load_dataset` read, statistics, licence, problems."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from huggingface_hub import DatasetCardData

from crossner_hf import __version__
from crossner_hf.data.builder import CITATION
from crossner_hf.data.export import Configuration, card_header, origins
from crossner_hf.data.sources import REPOSITORY, is_official, official_name
from crossner_hf.data.statistics import SplitStatistics
from crossner_hf.hub import dataset_problems
from crossner_hf.hub.corpus_files import CorpusFiles
from crossner_hf.results.tables import markdown_table
from crossner_hf.schema import DEDUPLICATED, DOMAINS, HUB_LABELS, SAMPLES, SOURCE, SPLITS, Domain

TEMPLATE = Path(__file__).with_name("templates") / "dataset_card.md"
HUB_COPY = "DFKI-SLT/cross_ner"
REUTERS_TERMS = "https://trec.nist.gov/data/reuters/reuters.html"
MARKS = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B")  # between the Hub's classes of size

Statistics = Mapping[str, Mapping[str, SplitStatistics]]  # name of a configuration to its splits


def dataset_card(
    written: Sequence[Configuration], sizes: Statistics, texts: Sequence[CorpusFiles] = (), *, repo: str, verify: bool
) -> str:
    """README.md of the repository, its numbers from `written`, `sizes` and `texts`, the corpora.

    verify: whether the official files were held to their checksums.
    """
    domains = [configuration.domain for configuration in written]
    official = any(map(is_official, domains))
    text = TEMPLATE.read_text(encoding="utf-8").format(
        title=_title(domains),
        summary=_summary(domains) if official else "Sentences with named entities.",
        repo=repo,
        example="music" if "music" in sizes else domains[0].name,
        configurations=_sizes(sizes),
        origins=origins(domains, verify),
        types="\n\n".join(_types(domain, sizes[domain.name]) for domain in _bases(domains)),
        corpora=_corpora(texts),
        problems=dataset_problems.section(written),
        hub_labels=_hub_labels(domains) if official else "",
        licence=_licence(domains, texts),
        citation=f"## Citation\n\n```bibtex\n{CITATION}\n```\n\n" if official else "",
        version=__version__,
    )
    described = [*(configuration.info for configuration in written), *(corpus.info for corpus in texts)]
    return f"{card_header(_data(domains, sizes, texts), described)}\n{text}"


def _data(domains: Sequence[Domain], sizes: Statistics, texts: Sequence[CorpusFiles]) -> DatasetCardData:
    rows = sum(split.sentences for domain in _bases(domains) for split in sizes[domain.name].values())
    rows += sum(corpus.documents for corpus in texts)
    reuters = any(official_name(domain) == SOURCE.name for domain in domains)
    free = all(is_official(domain) or domain.name in SAMPLES for domain in domains)
    terms = {"license_name": "mit-and-reuters-rcv1", "license_link": REUTERS_TERMS} if reuters else {}
    known = {"language": ["en"], "annotations_creators": ["expert-generated"], "multilinguality": ["monolingual"]}
    return DatasetCardData(
        license="mit" if free and not reuters and not texts else "other",
        **terms,
        **(known if free else {}),
        size_categories=[_size_category(rows)],
        task_categories=["token-classification", *(["fill-mask"] if texts else [])],
        task_ids=["named-entity-recognition"],
        tags=["named-entity-recognition", *(["cross-domain", "few-shot", "crossner"] if free else [])],
        pretty_name=_title(domains),
    )


def _size_category(rows: int) -> str:
    place = len(str(rows)) - len("100")
    return f"{MARKS[place - 1]}<n<{MARKS[place]}" if place > 0 else f"n<{MARKS[0]}"


def _title(domains: Sequence[Domain]) -> str:
    return "CrossNER" if any(map(is_official, domains)) else ", ".join(domain.name for domain in domains)


def _summary(domains: Sequence[Domain]) -> str:
    own = [official_name(domain) for domain in _bases(domains) if is_official(domain)]
    return (
        f"CrossNER ([Liu et al., AAAI 2021](https://arxiv.org/abs/2012.04373), [{REPOSITORY.split('/', 3)[3]}]"
        f"({REPOSITORY})): English sentences with named entities, for training in a new domain with few labelled "
        f"sentences. Here: {', '.join(own)}. Each has types of its own beside generic ones such as person."
    )


def _bases(domains: Sequence[Domain]) -> list[Domain]:
    """The domains without the `_dedup` variants of domains that are here themselves."""
    names = {domain.name for domain in domains}
    return [domain for domain in domains if domain.name not in DEDUPLICATED or official_name(domain) not in names]


def _sizes(sizes: Statistics) -> str:
    """A row a configuration: sentences, words and entities of each split."""
    rows = []
    for name, splits in sizes.items():
        counts = [f"{count:,}" for s in splits.values() for count in (s.sentences, s.tokens, s.by_type.total())]
        rows.append([name, f"{len(splits['train'].by_type)}", *counts])
    header = ["configuration", "types", *(f"{s} {what}" for s in SPLITS for what in ("sentences", "words", "entities"))]
    return markdown_table(header, rows)


def _types(domain: Domain, splits: Mapping[str, SplitStatistics]) -> str:
    """A row a type, in the order of the labels: its `B-` id, the entities of each split."""
    rows = [
        [t, domain.describe(t), f"{domain.label2id[f'B-{t}']}", *(f"{s.by_type[t]:,}" for s in splits.values())]
        for t in domain.entity_types
    ]
    header = ["type", "in words", "id of B-", *splits]
    return f"**{domain.name}**; the id of `I-` is the next number, that of `O` is 0\n\n" + markdown_table(
        header, rows, names=2
    )


def _hub_labels(domains: Sequence[Domain]) -> str:
    """The section on the other copy: its label id of each type, beside the ids here."""
    here = [domain for domain in _bases(domains) if official_name(domain) in (SOURCE.name, *DOMAINS)]
    rows = []
    for number, label in enumerate(HUB_LABELS):
        ids = [f"{domain.label2id[label]}" if label in domain.label2id else "" for domain in here]
        if label.startswith("B-") and any(ids):
            rows.append([label, f"{number}", *ids])
    table = markdown_table(["label", HUB_COPY, *(domain.name for domain in here)], rows)
    return (
        f"## Labels of {HUB_COPY}\n\nThe copy [{HUB_COPY}](https://huggingface.co/datasets/{HUB_COPY}) has one list of "
        f"{len(HUB_LABELS)} labels for all its configurations. The labels are spelled as here, their ids differ: go by "
        f"the labels, or by this table (`O` is 0 everywhere; the id of `I-` is the next number).\n\n{table}\n\n"
    )


def _corpora(texts: Sequence[CorpusFiles]) -> str:
    """The section on raw text: a row a corpus, and what it was made of."""
    if not texts:
        return ""
    rows = [
        [
            c.info.config_name,
            f"{c.documents:,}",
            f"{c.words:,}",
            f"{c.characters:,}",
            ", ".join(f"{name} ({found[:12]})" for name, found in c.checksums.items()),
        ]
        for c in texts
    ]
    table = markdown_table(["configuration", "documents", "words", "characters", "made of (SHA-256)"], rows)
    return (
        "## Raw text\n\nFor pre-training; one split, `train`, a document a row in the one column, `text`. Words are "
        f"what white space parts.\n\n{table}\n\n"
    )


def _licence(domains: Sequence[Domain], texts: Sequence[CorpusFiles]) -> str:
    parts = []
    if any(is_official(domain) and official_name(domain) != SOURCE.name for domain in domains):
        parts.append(
            "CrossNER's authors publish their files under the MIT licence. The sentences of the five domains are from "
            "English Wikipedia, whose text is under CC BY-SA."
        )
    if any(official_name(domain) == SOURCE.name for domain in domains):
        parts.append(
            f"The text of {SOURCE.name} is Reuters' (RCV1): for research, under [its agreement]({REUTERS_TERMS}), and "
            "not to be passed on to anyone who has not signed that."
        )
    if any(domain.name in SAMPLES for domain in domains):
        parts.append("The sentences of the samples were written for crossner-hf and are under the MIT licence.")
    others = [*(domain.name for domain in domains if domain.folder), *(corpus.info.config_name for corpus in texts)]
    if others:
        parts.append(f"Whoever publishes this repository has to say here what may be done with: {', '.join(others)}.")
    return "\n\n".join(parts)
