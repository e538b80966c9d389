"""Early stopping that counts on where a resumed run left off."""

from typing import Any, cast

from transformers import EarlyStoppingCallback, TrainerControl, TrainerState, TrainingArguments


class Patience(EarlyStoppingCallback):
    """transformers' early stopping, whose count of evaluations without a gain outlives a stop.

    transformers itself begins the count anew, and cannot save where the checkpoint before knew of no early stopping.
    """

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Training begins, or goes on."""
        super().on_train_begin(args, state, control)  # type: ignore[no-untyped-call]
        saved: dict[str, Any] = cast("Any", state.stateful_callbacks)
        kept = saved.setdefault(type(self).__name__, self.state())
        self.early_stopping_patience_counter = kept["attributes"]["early_stopping_patience_counter"]
