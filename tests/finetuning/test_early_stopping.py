"""When a run stops: after so many dev scorings without a better one, counted from the first entity found."""

import pytest
from transformers import TrainerControl, TrainerState

from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.early_stopping import EarlyStopping


def scorings(scores: list[float], patience: int, tmp_path) -> int:
    """How many of the dev scores a run sees before it stops; the best one is kept as the Trainer keeps it."""
    args = FineTuningArguments(output_dir=str(tmp_path), early_stopping_patience=patience)
    stopping, state, control = EarlyStopping(patience), TrainerState(), TrainerControl()
    for number, score in enumerate(scores, start=1):
        stopping.on_evaluate(args, state, control, metrics={f"eval_{args.metric_for_best_model}": score})
        if control.should_training_stop:
            return number
        state.best_metric = score if state.best_metric is None else max(state.best_metric, score)
    return len(scores)


@pytest.mark.parametrize(
    ("scores", "seen"),
    [
        ([0.1, 0.2, 0.2, 0.2, 0.3], 4),  # two without a better one
        ([0.1, 0.0, 0.0, 0.3], 3),  # of zeros too, once something was found
        ([0.0, 0.0, 0.0, 0.0, 0.1, 0.2], 6),  # nothing found yet
        ([0.0, 0.0, 0.0, 0.0, 0.1, 0.0, 0.1, 0.4], 7),
        ([0.0] * 9, 9),
    ],
)
def test_patience_begins_with_the_first_entity_that_is_found(scores, seen, tmp_path):
    assert scorings(scores, 2, tmp_path) == seen
