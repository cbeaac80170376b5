"""The folder of a data set: Parquet of each configuration and split, and the card that `load_dataset` reads."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from huggingface_hub.utils import validate_repo_id

from crossner_hf.atomic_write import new_folder
from crossner_hf.corpora.corpus import Corpus
from crossner_hf.data.builder import load
from crossner_hf.data.sources import official_name
from crossner_hf.hub.dataset_card import dataset_card
from crossner_hf.hub.dataset_files import BuiltLevel, check_names, copy_level, write_configuration, write_corpus
from crossner_hf.schema import DEDUPLICATED, DOMAINS, SOURCE, get_domain


def write_dataset_repository(
    folder: str | Path,
    names: Sequence[str | Path],
    *,
    data_dir: str | Path | None = None,
    verify: bool = True,
    repo: str | None = None,
    corpora: Mapping[str, Corpus | BuiltLevel] | None = None,
) -> list[str]:
    """Write `<configuration>/<split>-00000-of-00001.parquet` and README.md; the same data gives the same bytes.

    `names` are domains or folders of domains, and their configurations' names are returned. `corpora` has raw text by
    the name of its configuration, which has one split, `train`, and a column `text`. Raises ValueError for bad names
    and malformed files, FileExistsError for a folder that is not empty.
    """
    if repo:
        validate_repo_id(repo)
    domains = [get_domain(name) for name in names]
    repeated = sorted(name for name, count in Counter(domain.name for domain in domains).items() if count > 1)
    if not domains or repeated:
        raise ValueError(f"expected domains with different names, got {repeated or 'none'}")
    corpora = corpora or {}
    check_names(corpora, domains)
    with new_folder(folder) as temporary:
        configurations = []
        for domain in domains:
            splits = load(domain.folder or domain.name, data_dir=data_dir, verify=verify)
            configurations.append(write_configuration(temporary, domain, splits))
        texts = [
            copy_level(temporary, name, c) if isinstance(c, BuiltLevel) else write_corpus(temporary, name, c)
            for name, c in corpora.items()
        ]
        card = dataset_card(configurations, texts, repo=repo, verify=verify)
        (temporary / "README.md").write_text(card, encoding="utf-8")
    return [domain.name for domain in domains]


def names_to_publish(names: Sequence[str | Path], *, reuters_licence: bool = False) -> list[str | Path]:
    """The configurations to publish: the given ones, or by default the five domains and their `_dedup` variants.

    Raises ValueError for conll2003 without a licence for its text; with one it is among the default ones.
    """
    if not names:
        every = (SOURCE.name, *DOMAINS, *DEDUPLICATED)
        return [name for name in every if reuters_licence or name.removesuffix("_dedup") != SOURCE.name]
    of_reuters = [str(name) for name in names if official_name(get_domain(name)) == SOURCE.name]
    if of_reuters and not reuters_licence:
        raise ValueError(
            f"{', '.join(of_reuters)}: the text is Reuters' (RCV1) and must not be passed on; leave it out, or pass "
            "--i-have-the-reuters-licence (reuters_licence=True) if you may"
        )
    return list(names)
