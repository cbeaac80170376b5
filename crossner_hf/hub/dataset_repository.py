"""The repository of the data set: Parquet of each configuration and split, and the card that `load_dataset` reads."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from huggingface_hub.utils import validate_repo_id

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.data.export import distinct_domains, new_folder, write_configurations
from crossner_hf.data.sources import official_name
from crossner_hf.data.statistics import statistics
from crossner_hf.hub.corpus_files import check_names, write_corpus
from crossner_hf.hub.dataset_card import dataset_card
from crossner_hf.schema import DEDUPLICATED, DOMAINS, SOURCE


def write_dataset_repository(
    folder: str | Path,
    configs: Sequence[str | Path] | None = None,
    *,
    data_dir: str | Path | None = None,
    verify: bool = True,
    repo: str = "USER/crossner",
    reuters_licence: bool = False,
    corpora: Mapping[str, Corpus] | None = None,
) -> Path:
    """Write the repository's files into a new folder; gives the folder. The same data gives the same bytes.

    configs: domains by name, or folders of domains of one's own; by default the five domains and their `_dedup`
    variants. repo: where the folder will be pushed to, as the card names it.
    reuters_licence: whether you may pass on the text of conll2003, which by default goes along then.
    corpora: raw text by the name of its configuration, which has one split, `train`, and one column, `text`.
    Raises ValueError where configs name it without that, and FileExistsError for a folder that holds anything.
    """
    validate_repo_id(repo)
    domains = distinct_domains(default_configs(reuters_licence) if configs is None else configs)
    of_reuters = [domain.name for domain in domains if official_name(domain) == SOURCE.name]
    if of_reuters and not reuters_licence:
        raise ValueError(
            f"{', '.join(of_reuters)}: the text is Reuters' (RCV1) and not to be passed on; leave it out, or say "
            "--i-have-the-reuters-licence (reuters_licence=True) if you may"
        )
    corpora = corpora or {}
    check_names(corpora, domains)
    sizes = {domain.name: statistics(domain, data_dir=data_dir, verify=verify) for domain in domains}
    with new_folder(folder) as temporary:
        written = write_configurations(temporary, domains, data_dir=data_dir, verify=verify)
        texts = [write_corpus(temporary, name, corpus) for name, corpus in corpora.items()]
        card = dataset_card(written, sizes, texts, repo=repo, verify=verify)
        (temporary / "README.md").write_text(card, encoding="utf-8")
    return Path(folder)


def default_configs(reuters_licence: bool) -> list[str]:
    """The configurations that are pushed where none is named."""
    every = [SOURCE.name, *DOMAINS, *DEDUPLICATED]
    return [name for name in every if reuters_licence or name.removesuffix("_dedup") != SOURCE.name]
