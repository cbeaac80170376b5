"""The paper's three settings as data: stages, the streams of sentences each learns from; and the choice of a tagger."""

from pathlib import Path
from typing import NamedTuple

from crossner_hf.models.word_vectors import GLOVE

PUBLISHED_SEEDS = (555, 666, 777)  # run.sh of zliucr/CrossNER

SETTINGS = ("direct", "pre_train_then_fine_tune", "joint")
HEADS = ("source", "target")
OPTIMIZERS = ("carried", "fresh")
ENCODER_TAGGERS = ("linear", "crf")
WORD_TAGGERS = ("bilstm-crf", "coach", "cross-domain-lm")
MULTI_CELL = "multi-cell-lstm"  # over an encoder or over word vectors, as --model says
TAGGERS = (*ENCODER_TAGGERS, *WORD_TAGGERS, MULTI_CELL)
# Taggers that tell source from target in joint training, and how their batches mix the two: see streams.py.
DOMAIN_TAGGERS: dict[str, str] = {"cross-domain-lm": "proportional", MULTI_CELL: "alternating"}
ADAPTATIONS = ("supervised", "combined", "unsupervised")
VOCABULARIES = ("train", "vectors")
FIRST_HEADS = ("auto", "descriptions", "random")

# How often the released code repeats the target's sentences in joint training (main.py, --bert and without it).
ENCODER_REPEATS = 50
LSTM_REPEATS = 10


class Stream(NamedTuple):
    """Sentences of one kind.

    Args:
        whose: 'source' or 'target'.
        raw: Raw text of the domain, without labels, in the place of its training sentences.
        repeats: How often a labelled sentence is drawn in an epoch.
        own_labels: Whether labels of the source keep the source's ids; else they are translated to the stage's labels.
    """

    whose: str
    raw: bool = False
    repeats: int = 1
    own_labels: bool = False


class Stage(NamedTuple):
    """One training of a run.

    Args:
        streams: The sentences it sees.
        labels: Whose label list its head has, 'source' or 'target'.
        epochs: Number of epochs, with no dev score to choose among them; None: as the run's arguments say.
        optimizer: 'fresh', or 'carried': with the moments that the stage before left.
        batches: How a batch mixes the streams: 'mixed', 'proportional' or 'alternating'; see streams.py.
    """

    streams: tuple[Stream, ...]
    labels: str
    epochs: float | None = None
    optimizer: str = "fresh"
    batches: str = "mixed"


def joint_stage(tagger: str, adaptation: str, target_repeats: int, raw: tuple[str, ...]) -> Stage:
    """Return the stage of joint training of a tagger that tells source from target.

    'unsupervised' adaptation leaves out the target's labelled sentences. `target_repeats` is how often a target
    sentence is drawn for each draw of a source sentence; `raw` has those of 'source' and 'target' with raw text.
    """
    supervised = adaptation != "unsupervised"
    labelled = [Stream("source", own_labels=supervised)]
    if supervised:
        labelled.append(Stream("target", repeats=target_repeats))
    streams = (*labelled, *(Stream(whose, raw=True) for whose in raw))
    return Stage(streams, "target", batches=DOMAIN_TAGGERS[tagger])


class TaggerChoice(NamedTuple):
    """The tagger that a run trains; the fields are described in FineTuningArguments."""

    tagger: str = "linear"
    vocabulary: str = "train"
    char_vectors: str | None = None
    config_overrides: str | None = None
    head: str = "auto"
    adaptation: str = ""  # set in joint training of a tagger that tells source from target


LINEAR = TaggerChoice()


def starts_from_vectors(tagger: str, model: str) -> bool:
    """Say whether a tagger reads word vectors; a multi-cell-lstm does if its model is 'glove' or a (missing) file."""
    is_file = Path(model).is_file() or Path(model).suffix in (".txt", ".vec")
    return tagger in WORD_TAGGERS or (tagger == MULTI_CELL and (model == GLOVE or is_file))


class FewShot(NamedTuple):
    """The target's sentences that a run trains on: the first of the file, or drawn by the seed."""

    sentences: int
    draw: str
    seed: int
