"""Scores as records hold them: of entities under a convention, together and by type, and of confidences."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]

GROUPS = ("specialised", "generic", "overall")  # of entity types


class RecordPart(BaseModel):
    """A record or a part of one: unchangeable, with the declared fields alone and no conversion between types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, ser_json_inf_nan="constants")


class Score(RecordPart):
    """Precision, recall and F1 between 0 and 1; `support` counts gold entities (words under the convention `token`)."""

    precision: Fraction
    recall: Fraction
    f1: Fraction
    support: Count


NO_ENTITIES = Score(precision=0.0, recall=0.0, f1=0.0, support=0)


class ConventionScores(RecordPart):
    """The scores of one split under one convention.

    Attributes:
        overall: Over all entity types.
        specialised: Over the domain's specialised types; None if the domain does not distinguish them.
        generic: Over its generic types, likewise.
        per_type: Of the types that occur among gold or predicted entities.
    """

    overall: Score
    specialised: Score | None = None
    generic: Score | None = None
    per_type: dict[str, Score] = {}

    def group(self, name: str) -> Score | None:
        """Return the score over 'overall', 'specialised' or 'generic' types."""
        return {"overall": self.overall, "specialised": self.specialised, "generic": self.generic}[name]

    def named(self) -> dict[str, Score]:
        """Return every score by the name of its type or group."""
        return self.per_type | {name: score for name in GROUPS if (score := self.group(name))}


SplitScores = dict[str, ConventionScores]  # convention to scores
Scores = dict[str, SplitScores]  # split to convention to scores


class Calibration(RecordPart):
    """Expected calibration error of predicted entities; see `metric.calibration`. None if nothing was predicted."""

    ece: float | None
    bins: int
    entities: Count
    confidence: float | None
    precision: float | None
