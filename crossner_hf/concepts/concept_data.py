"""Concept data on disk: reading it, and choosing sentences so that rare concepts come more often."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crossner_hf.concepts.rows import ConceptRow
from crossner_hf.data.sources import sha256_of

LEAST_MENTIONS = 5  # of a head noun, for its phrases to be learned
SCHEMA = pa.schema(
    {
        "tokens": pa.list_(pa.string()),
        "mentions": pa.list_(pa.struct({"start": pa.int32(), "end": pa.int32(), "phrases": pa.list_(pa.string())})),
        "unknown": pa.list_(pa.int32()),
    }
)


def data_files(folder: str | Path) -> list[Path]:
    """List the Parquet files of concept data: of a folder, or the file itself.

    Raises:
        ValueError: There are none.
    """
    path = Path(folder).expanduser()
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path] if path.is_file() else []
    if not files:
        raise ValueError(f"{folder}: no Parquet file of concept data; `crossner-hf concepts build` makes them")
    return files


def checksums(folder: str | Path) -> dict[str, str]:
    """Give the SHA-256 of each file."""
    return {path.name: sha256_of(path) for path in data_files(folder)}


def read_rows(folder: str | Path) -> Iterator[ConceptRow]:
    """Yield the sentences in order.

    Raises:
        ValueError: A file holds anything else.
    """
    for path in data_files(folder):
        try:
            with pq.ParquetFile(path) as file:
                if not file.schema_arrow.equals(SCHEMA):
                    raise ValueError(f"its columns are {', '.join(file.schema_arrow.names)}, not those of concept data")
                for batch in file.iter_batches(4_096):
                    yield from batch.to_pylist()
        except (pa.ArrowInvalid, OSError, ValueError) as error:
            raise ValueError(f"{path}: cannot be read as concept data: {str(error).splitlines()[0]}") from None


def choose_rows(rows: list[ConceptRow], max_tokens: int | None, seed: int) -> list[ConceptRow]:
    """Choose distinct sentences by weights; mentions of concepts that are too rare become unknown words.

    The weight of a sentence is the sum over its mentions of 1 / sqrt(mentions with that head noun), divided by the
    root of their number, so that countries and cities, which fill Wikipedia, do not fill the sample.

    Args:
        rows: All sentences.
        max_tokens: About how many tokens to choose, with 1.3 tokens for each word; None for all sentences.
        seed: Seed of the choice. Of two sizes the smaller is part of the larger.

    Returns:
        The chosen sentences in the order of the choice.

    Raises:
        ValueError: No concept is frequent enough.
    """
    counts: dict[str, int] = {}
    for row in rows:
        for mention in row["mentions"]:
            counts[_head(mention["phrases"][0])] = counts.get(_head(mention["phrases"][0]), 0) + 1
    distinct = {tuple(row["tokens"]): row for row in rows}.values()  # sources may share pages
    usable = [with_known(row, counts) for row in distinct]
    usable = [row for row in usable if row["mentions"]]
    if not usable:
        raise ValueError(f"no concept has {LEAST_MENTIONS} mentions in {len(rows):,} sentences; build more data")
    weights = np.array([_weight(row, counts) for row in usable])
    draws = np.random.default_rng(seed).random(len(usable))
    order = np.argsort(-(np.log(draws) / weights), kind="stable")  # Efraimidis and Spirakis (2006)
    if max_tokens is not None:
        tokens = np.cumsum([about_tokens(usable[i]) for i in order])
        order = order[: max(1, int(np.searchsorted(tokens, max_tokens, "right")))]
    return [usable[i] for i in order]


def about_tokens(row: ConceptRow) -> float:
    """Estimate the tokens of a sentence."""
    return 1.3 * len(row["tokens"]) + 2


def with_known(row: ConceptRow, counts: dict[str, int]) -> ConceptRow:
    """Make words of mentions with rare head nouns unknown."""
    known = [mention for mention in row["mentions"] if counts[_head(mention["phrases"][0])] >= LEAST_MENTIONS]
    if len(known) == len(row["mentions"]):
        return row
    rare = [mention for mention in row["mentions"] if mention not in known]
    words = {word for mention in rare for word in range(mention["start"], mention["end"])}
    return {"tokens": row["tokens"], "mentions": known, "unknown": sorted({*row["unknown"], *words})}


def identity(rows: list[ConceptRow]) -> str:
    """Give a hash of the chosen sentences."""
    key = hashlib.sha256()
    for row in rows:
        key.update(repr((row["tokens"], row["mentions"], row["unknown"])).encode("utf-8", "surrogatepass"))
    return key.hexdigest()


def _head(phrase: str) -> str:
    return phrase.split()[-1]


def _weight(row: ConceptRow, counts: dict[str, int]) -> float:
    mentions = row["mentions"]
    return sum(counts[_head(m["phrases"][0])] ** -0.5 for m in mentions) / len(mentions) ** 0.5
