"""Turns the training loop's steps and evaluations into log lines with speed and remaining time."""

from time import monotonic

from contract.result import Evaluation
from trainer.journal import Journal

_SECONDS_BETWEEN_LINES = 15.0


class Pace:
    """Watches one training. A line for each evaluation, and for steps at most one in 15 seconds."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._first: tuple[int, float] | None = None
        """The first step of this attempt, and when it was done."""
        self._line_at = 0.0
        self._step = 0
        self._planned = 0
        self._speed: float | None = None
        self._seen: dict[str, float] = {}
        """Of the latest evaluation: reading the loss at every step would stop a GPU each time."""

    def on_step(self, step: int, planned_steps: int) -> None:
        """After each optimizer step."""
        now = monotonic()
        if self._first is None:
            self._first = (step, now)
            self._journal.event("first-step", planned=planned_steps)
        else:
            # Evaluations are inside this mean, so that the remaining time holds for the training as a whole.
            first, at = self._first
            self._speed = (step - first) / (now - at)
        self._step, self._planned = step, planned_steps
        self._journal.at_step(step, planned_steps, self._speed)
        if now - self._line_at >= _SECONDS_BETWEEN_LINES:
            self._line("step", **self._seen)

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """After each look at the validation split."""
        self._journal.at_accuracy(evaluation.accuracy)
        self._seen = {"train_loss": evaluation.train_loss, "accuracy": evaluation.accuracy}
        self._line(
            "evaluation",
            train_loss=evaluation.train_loss,
            loss=evaluation.loss,
            accuracy=evaluation.accuracy,
            precision=evaluation.precision,
            recall=evaluation.recall,
            f1=evaluation.f1,
        )

    def on_fallback(self, reason: str) -> None:
        """Something that would make the training faster cannot be had here."""
        self._journal.event("warning", reason=reason)

    def _line(self, event: str, **values: float) -> None:
        self._line_at = monotonic()
        left = (self._planned - self._step) / self._speed if self._speed else None
        pace = {"steps_per_second": self._speed, "eta_seconds": left}
        self._journal.event(event, step=self._step, planned=self._planned, **values, **pace)
