"""The paper's three settings as data: the stages of a run, their sentences and labels; and the choice of a tagger."""

from pathlib import Path
from typing import NamedTuple

from crossner_hf.models.word_vectors import GLOVE

PUBLISHED_SEEDS = (555, 666, 777)  # run.sh of zliucr/CrossNER

SETTINGS = ("direct", "pre_train_then_fine_tune", "joint")
HEADS = ("source", "target")
OPTIMIZERS = ("carried", "fresh")
ENCODER_TAGGERS = ("linear", "crf")
WORD_TAGGERS = ("bilstm-crf", "coach")
MULTI_CELL = "multi-cell-lstm"  # over an encoder or over word vectors, as --model says
TAGGERS = (*ENCODER_TAGGERS, *WORD_TAGGERS, MULTI_CELL)
VOCABULARIES = ("train", "vectors")
FIRST_HEADS = ("auto", "descriptions", "random")

# How often the released code repeats the target's sentences in joint training (main.py, --bert and without it).
ENCODER_REPEATS = 50
LSTM_REPEATS = 10


class Stage(NamedTuple):
    """One training of a run.

    Args:
        rows: Whose training sentences it sees: 'source', 'target' or both.
        labels: Whose label list its head has.
        epochs: Number of epochs, with no dev score to choose among them; None: as the run's arguments say.
        repeats: How often a target sentence is drawn for each draw of a source sentence.
        optimizer: 'fresh', or 'carried': with the moments that the stage before left.
    """

    rows: tuple[str, ...]
    labels: str
    epochs: float | None = None
    repeats: int = 1
    optimizer: str = "fresh"


def stages(
    setting: str,
    *,
    source_head: str = "source",
    source_epochs: float = 2.0,
    source_optimizer: str = "carried",
    target_repeats: int = ENCODER_REPEATS,
) -> tuple[Stage, ...]:
    """Return the stages of a setting, in their order.

    Source: Liu et al. (2021), section 4; main.py of the released code.
    """
    if setting == "direct":
        return (Stage(("target",), "target"),)
    if setting == "joint":
        return (Stage(("source", "target"), "target", repeats=target_repeats),)
    if setting == "pre_train_then_fine_tune":
        return (
            Stage(("source",), source_head, epochs=source_epochs),
            Stage(("target",), "target", optimizer=source_optimizer),
        )
    raise ValueError(f"unknown setting {setting!r}; known are {', '.join(SETTINGS)}")


class TaggerChoice(NamedTuple):
    """The tagger that a run trains; the fields are described in FineTuningArguments."""

    tagger: str = "linear"
    vocabulary: str = "train"
    char_vectors: str | None = None
    config_overrides: str | None = None
    head: str = "auto"


LINEAR = TaggerChoice()


def starts_from_vectors(tagger: str, model: str) -> bool:
    """Say whether a tagger reads word vectors; a multi-cell-lstm does if its model is 'glove' or a file."""
    return tagger in WORD_TAGGERS or (tagger == MULTI_CELL and (model == GLOVE or Path(model).is_file()))


class FewShot(NamedTuple):
    """The target's sentences that a run trains on: the first of the file, or drawn by the seed."""

    sentences: int
    draw: str
    seed: int
