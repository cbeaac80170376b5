"""What became of entities, one by one: right, wrong boundary, wrong type, missed, spurious."""

from collections.abc import Sequence
from typing import NamedTuple

from crossner_hf.tagger.iob2 import Span

RIGHT = "right"
MISTAKES = ("boundary", "type", "missed", "spurious")


class Outcome(NamedTuple):
    """What became of a gold entity, or a prediction that overlaps none.

    Attributes:
        kind: `right`; `type`: found with its boundaries as another type; `boundary`: some prediction overlaps it, none
            has its boundaries; `missed`: none overlaps it; `spurious`: a prediction that overlaps no gold entity.
        gold: The gold entity; None if spurious.
        predicted: The prediction, for `boundary` the first that overlaps; None if missed.
        confidence: Of the prediction, 0 to 1; None if missed.
    """

    kind: str
    gold: Span | None
    predicted: Span | None
    confidence: float | None

    @property
    def types(self) -> set[str]:
        return {span.entity_type for span in (self.gold, self.predicted) if span}


def outcomes(gold: Sequence[Span], predicted: Sequence[Span], confidence: Sequence[float]) -> list[Outcome]:
    """Compare the entities of a sentence: an outcome for each gold entity and each spurious prediction, in order.

    `confidence` is that in each word's label, (words,); that of an entity is the mean over its words.
    """
    result = []
    for entity in gold:
        overlapping = [other for other in predicted if _overlap(entity, other)]
        exact = next((other for other in overlapping if other[:2] == entity[:2]), None)
        nearest = exact or next(iter(overlapping), None)
        if nearest is None:
            kind = "missed"
        elif exact is None:
            kind = "boundary"
        else:
            kind = RIGHT if exact == entity else "type"
        result.append(Outcome(kind, entity, nearest, entity_confidence(nearest, confidence) if nearest else None))
    for other in predicted:
        if not any(_overlap(entity, other) for entity in gold):
            result.append(Outcome("spurious", None, other, entity_confidence(other, confidence)))
    return sorted(result, key=lambda outcome: (outcome.gold or outcome.predicted or ())[:1])


def entity_confidence(span: Span, confidence: Sequence[float]) -> float:
    return sum(confidence[span.start : span.end]) / (span.end - span.start)


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end
