"""Labels that systems contradict: likely errors of annotation, or places that are hard for systems.

Confident disagreement of systems that have not seen a sentence is what confident learning looks for
(Northcutt et al., 2021), here for spans: a span's confidence is the mean of what systems give it.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from crossner_hf.tagger.iob2 import Span, spans

KINDS = ("not labelled", "boundary", "no entity", "boundary and type", "type")


class Answer(NamedTuple):
    """The tags that a system gives to the words of a sentence, and its scores for them."""

    tags: Sequence[str]
    scores: Sequence[float]


class Doubt(NamedTuple):
    """A place where systems contradict the labels.

    Attributes:
        kind: One of `KINDS`: what the label would have wrong if the systems are right.
        labelled: The entity in the data; None where it has none.
        predicted: The entity of the systems; None where they see none.
        confidence: Of the systems in theirs, 0 to 1.
    """

    kind: str
    labelled: Span | None
    predicted: Span | None
    confidence: float


def doubts(tags: Sequence[str], answers: Sequence[Answer], least: float) -> list[Doubt]:
    """Compare the IOB2 tags of a sentence with what systems say; the most confident doubts come first.

    The confidence in an entity is the mean over systems of the mean score of its words, 0 for a system without it. The
    confidence that there is none is the mean score for `O` at the word where it is least. A contradiction counts from
    the confidence `least` on, which is above 0.5.
    """
    labelled = spans(tags)
    total: dict[Span, float] = defaultdict(float)  # over systems
    outside = [0.0] * len(tags)
    for answer in answers:
        for span in spans(answer.tags):
            words = answer.scores[span.start : span.end]
            total[span] += sum(words) / len(words)
        for word, tag in enumerate(answer.tags):
            outside[word] += answer.scores[word] if tag == "O" else 0.0
    doubtful = []
    for predicted, score in total.items():
        sure = score / len(answers)
        if sure >= least and predicted not in labelled:
            overlapping = [s for s in labelled if s.start < predicted.end and predicted.start < s.end]
            same_type = [s for s in overlapping if s.entity_type == predicted.entity_type]
            shown = next(iter(same_type or overlapping), None)
            doubtful.append(Doubt(_kind(predicted, overlapping), shown, predicted, sure))
    for span in labelled:
        sure = min(outside[span.start : span.end]) / len(answers)
        if sure >= least:
            doubtful.append(Doubt("no entity", span, None, sure))
    return sorted(doubtful, key=lambda doubt: -doubt.confidence)


def _kind(predicted: Span, overlapping: Sequence[Span]) -> str:
    if not overlapping:
        return "not labelled"
    if any((span.start, span.end) == (predicted.start, predicted.end) for span in overlapping):
        return "type"
    return "boundary" if any(s.entity_type == predicted.entity_type for s in overlapping) else "boundary and type"
