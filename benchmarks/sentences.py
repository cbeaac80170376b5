"""Sentences, the types of first sentences and the hashes of sentences, in MB of text a second on one core.

`python benchmarks/sentences.py` prints these rows alone. CROSSNER_TEXT (Parquet with the columns `title` and `text`)
names the text; without it, it is the sample's, over and over. Times are processor time.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import cycle, islice

from sentencex import segment

from crossner_hf.corpora.documents import Document, plan_shards
from crossner_hf.corpora.duplicates import labelled_key, labelled_keys, sentence_keys
from crossner_hf.corpora.selection import DomainSelector
from crossner_hf.corpora.sentences import split_document
from crossner_hf.data.sources import SAMPLE_FOLDER
from crossner_hf.display import table
from crossner_hf.schema import DOMAINS

DOCUMENTS, ROUNDS = 20_000, 3


def documents() -> list[Document]:
    """The first DOCUMENTS documents."""
    shards = plan_shards([os.environ.get("CROSSNER_TEXT") or SAMPLE_FOLDER / "music" / "raw.txt"])
    given = [document for shard in shards[:2] for document in shard.documents()]
    return list(islice(cycle(given), DOCUMENTS))


def seconds_of(work: Callable[[Document], object], texts: list[Document]) -> float:
    """Processor time of the fastest of ROUNDS rounds."""
    times = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for document in texts:
            work(document)
        times.append(time.process_time() - begun)
    return min(times)


def bench_sentences(data_dir: str | None) -> list[tuple[str, str, str]]:
    """Each step of the first pass over a corpus, beside sentencex alone; then all steps for every document."""
    texts = documents()
    megabytes = sum(len(document.text.encode()) for document in texts) / 1e6
    selectors = [DomainSelector(domain, by_type=True) for domain in DOMAINS.values()]
    labelled = labelled_keys(DOMAINS.values(), data_dir)

    def hashed(document: Document) -> object:
        kept = split_document(document.text, Counter())
        return sentence_keys(sentence for sentence in kept if labelled_key(sentence) not in labelled)

    def selected(document: Document) -> object:
        return [selector.reasons(document) for selector in selectors]

    rows = []
    for what, work, wanted in (
        ("sentencex alone", lambda document: segment("en", document.text), ""),
        ("documents selected by type for one domain", selectors[0].reasons, ""),
        ("  for five domains", selected, ""),
        ("sentences, cleaned and judged", lambda document: split_document(document.text, Counter()), ""),
        ("  and compared with the labelled ones, and hashed", hashed, ""),
        ("all of this for five domains", lambda document: (selected(document), hashed(document)), "at least 8 MB/s"),
    ):
        rows.append((f"{what} ({megabytes:.0f} MB)", f"{megabytes / seconds_of(work, texts):.1f} MB/s", wanted))
    return rows


if __name__ == "__main__":
    print(table(("what", "measured", "wanted"), bench_sentences(sys.argv[1] if len(sys.argv) > 1 else None)))
