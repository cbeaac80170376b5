"""Early stopping that waits for the first dev score above 0."""

from transformers import EarlyStoppingCallback, TrainerControl, TrainerState, TrainingArguments


class EarlyStopping(EarlyStoppingCallback):
    """As in transformers, but the patience begins with the first dev score above 0.

    With 100 sentences a tagger from word vectors can have a dev F1 of 0 for ten epochs, while its loss falls. The
    released code (src/trainer.py) would stop it there.
    """

    def check_metric_value(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metric_value: float
    ) -> None:
        """Count this score, unless there was none above 0 yet."""
        super().check_metric_value(args, state, control, metric_value)
        if metric_value == 0 and not state.best_metric:
            self.early_stopping_patience_counter = 0
