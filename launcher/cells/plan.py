"""What a submit would do with each cell, and why. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from contract.survey import Done, Failed, Lost, Missing, Running, Stale, State
from contract.task import Task
from launcher.cells.ends import Broken

Action = Literal["reuse", "run", "stale", "failed", "running"]
"""reuse: done; run: nothing there; stale: a result of other settings, runs again; running: by somebody; failed."""


@dataclass(frozen=True)
class Step:
    """What to do with one cell, and why."""

    task: Task
    action: Action
    reason: str
    runs: bool
    """Whether a submit starts it."""
    stale: str | None = None
    """Fingerprint of a result of other settings."""

    @property
    def finished(self) -> str | None:
        """Fingerprint of a result of the cell, with these settings or others."""
        return self.task.fingerprint() if self.action == "reuse" else self.stale


def plan(tasks: Sequence[Task], states: Sequence[State | Broken]) -> list[Step]:
    """One step a cell, in the order of the grid. `Broken` is the end of a Job, which the store need not know of."""
    return [_step(task, state) for task, state in zip(tasks, states, strict=True)]


def _step(task: Task, state: State | Broken) -> Step:
    match state:
        case Done():
            return Step(task, "reuse", "finished", runs=False)
        case Missing():
            return Step(task, "run", "no result yet", runs=True)
        case Stale(_, stale):
            return Step(task, "stale", state.differences, runs=True, stale=stale)
        case Running(progress):
            return Step(task, "running", f"step {progress.step} of {progress.planned_steps}, attempt alive", runs=True)
        case Lost():
            return Step(task, "run", f"an attempt was lost ({state.last_sign})", runs=True)
        case Failed() | Broken():
            again = "runs again" if state.retriable else "would fail again; `retry` insists"
            return Step(task, "failed", f"{state.cause} ({again})", runs=state.retriable)
