"""Scores of models made elsewhere: of anything that maps texts or words to entities."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from crossner_hf.external.adapters import Adapted, adapt, labels_for
from crossner_hf.external.evaluation import ExternalRun, ExternalSystem, score_given
from crossner_hf.external.matching import SplitData
from crossner_hf.external.prediction_files import Given, given_of
from crossner_hf.schema import Domain, get_domain


def evaluate_tagger(
    tagger: Any,
    domain: str | Domain,
    split: str = "test",
    *,
    system: ExternalSystem | None = None,
    data_dir: str | Path | None = None,
    verify: bool = True,
) -> ExternalRun:
    """Score a model made elsewhere, or any function.

    Args:
        tagger: A model of GLiNER, SpanMarker or flair, a spaCy pipeline, a token-classification pipeline of
            transformers, a `crossner_hf.Tagger`; or a function that takes a list of texts (the words of each sentence
            joined by one space) and gives for each its entities: `(start, end, type)` in characters, with a score if it
            has one, objects with these keys, or `(string, type)`. With `reads="words"` it takes lists of words, and
            gives their tags, or entities in words.
        domain: A domain or its name.
        split: The split to tag.
        system: Name, setting and map of types for the record.
        data_dir: Folder of the official files; see `crossner_hf.load`.
        verify: Whether the files must be the official ones.

    Returns:
        The record, under all conventions; `run.write(path)` writes it for reports.

    Raises:
        ValueError: If the tagger gives something else.
    """
    system = system or ExternalSystem()
    data = SplitData.read(domain if isinstance(domain, Domain) else get_domain(domain), split, data_dir, verify)
    adapted = adapt(tagger, system.labels or labels_for(data.domain), system.threshold) or _function(tagger, system)
    system = replace(system, name=system.name or Path(adapted.name).name)
    started = perf_counter()
    given = list(_given(adapted, data, system.name, system.last_included))
    return score_given(
        given, data, system, system.name, {"wall_seconds": perf_counter() - started, "is_crossner": verify}
    )


def _function(tagger: Any, system: ExternalSystem) -> Adapted:
    if not callable(tagger):
        raise ValueError(f"expected a model or a function from sentences to entities, got {type(tagger).__name__}")
    return Adapted(getattr(tagger, "__name__", "tagger"), system.reads == "words", tagger)


def _given(adapted: Adapted, data: SplitData, name: str, last_included: bool) -> Iterator[Given]:
    words = [sentence.tokens for sentence in data.sentences]
    inputs: list[Any] = [list(tokens) if adapted.reads_words else " ".join(tokens) for tokens in words]
    results: Sequence[Any] = list(adapted.tag(inputs))
    if len(results) != len(words):
        raise ValueError(f"{name}: gave {len(results)} results for {len(words)} sentences; expected one for each")
    for number, (tokens, result) in enumerate(zip(words, results, strict=True)):
        about = (tokens, None, None) if adapted.reads_words else (None, " ".join(tokens), None)
        yield given_of(result, f"{name}: sentence {number}", about, last_included)
