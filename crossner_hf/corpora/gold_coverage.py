"""How many gold mentions of the labelled sentences occur in a corpus: what a model can have read before."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.corpora.matching import NameIndex
from crossner_hf.data.deduplicate import split_sentences
from crossner_hf.data.download import domain_files
from crossner_hf.results.text_records import CorpusRecord
from crossner_hf.schema import Domain
from crossner_hf.tagger.iob2 import spans

BATCH = 10_000  # sentences searched at once
# Where CrossNER's words have a space and running text has none.
BEFORE_MARKS = re.compile(r" (?=[.,:;!?)\]%]|'s\b|n't\b)")
AFTER_MARKS = re.compile(r"(?<=[(\[$]) ")


def with_coverage(
    record: CorpusRecord, folder: str | Path, domains: Sequence[Domain], data_dir: str | Path | None = None
) -> CorpusRecord:
    """Add to the record of a corpus in `folder` which share of the test split's mentions each level contains.

    It is counted for the given domains, whose labelled sentences must be there. Raises ValueError if the corpus has no
    such domain.
    """
    if missing := [domain.name for domain in domains if domain.name not in record.domains]:
        raise ValueError(f"{folder}: has no corpus of {missing[0]} but of {', '.join(record.domains)}")
    changed = dict(record.domains)
    for domain in domains:
        mentions = gold_mentions(domain, data_dir)
        levels = {}
        for name, level in record.domains[domain.name].levels.items():
            texts = (part.text for part in Corpus((str(Path(folder) / domain.name / name),)).documents(entities=False))
            levels[name] = level.model_copy(update={"covered": round(coverage(mentions, texts), 4)})
        changed[domain.name] = changed[domain.name].model_copy(update={"levels": levels})
    return record.model_copy(update={"domains": changed})


def gold_mentions(domain: Domain, data_dir: str | Path | None = None) -> Counter[str]:
    """Count the mentions of the test split by their words with spaces between them."""
    files_of = partial(domain_files, data_dir=data_dir)
    return Counter(
        " ".join(tokens[span.start : span.end])
        for tokens, tags in split_sentences(domain, "test", files_of)
        for span in spans(tags)
    )


def coverage(mentions: Counter[str], texts: Iterable[str]) -> float:
    """Give the share of mentions that occur in texts, between token edges, also inside longer ones."""
    spelled = {spelling: mention for mention in mentions for spelling in _spellings(mention)}
    index, order = NameIndex.build(list(spelled))
    names = [list(spelled)[place] for place in order]
    missing = np.ones(len(names), bool)
    left = iter(texts)
    while batch := list(islice(left, BATCH)):
        while len(found := np.unique(index.find_in(batch, missing).name)):
            missing[found] = False  # so that a mention inside of these is found next
        if not missing.any():
            break
    covered = {spelled[name] for name, is_missing in zip(names, missing.tolist(), strict=True) if not is_missing}
    return sum(mentions[mention] for mention in covered) / mentions.total()


def _spellings(mention: str) -> set[str]:
    """A mention as in the files, and as in running text."""
    return {mention, AFTER_MARKS.sub("", BEFORE_MARKS.sub("", mention))}
