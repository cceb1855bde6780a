"""What a submit would do with each cell, why, and how long that takes as measured on finished cells."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from contract.result import Success, Unreadable, decode
from contract.store import Store, result_key
from contract.survey import Done, Failed, Lost, Missing, Running, Stale, State
from contract.task import Task
from launcher.ends import Broken

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


@dataclass(frozen=True)
class Estimate:
    """Expected work: seconds of the cells whose like was measured, and how many cells' like was not."""

    cell_seconds: float
    unknown_cells: int


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


def estimate(steps: Sequence[Step], measured: "Measured") -> Estimate:
    """Add up what the cells that would run are expected to take."""
    seconds = [measured.seconds_for(step.task) for step in steps if step.runs]
    return Estimate(sum(known for known in seconds if known is not None), seconds.count(None))


class Measured:
    """Seconds of finished cells: of the same model and work, else of the same model, scaled by its work.

    Work is the number of comments that a training goes through. A resumed cell does not say what it took in all.
    """

    def __init__(self, finished: Iterable[Success]) -> None:
        whole = (success for success in finished if success.training.resumed_from_step is None)
        self._seconds = {(success.cell.model, _work_done(success)): success.provenance.seconds for success in whole}

    def seconds_for(self, task: Task) -> float | None:
        """Expected seconds of the cell, start-up included; None when its model was never measured."""
        work = comments_to_train(task)
        if (task.cell.model, work) in self._seconds:
            return self._seconds[task.cell.model, work]
        same_model = {w: seconds for (model, w), seconds in self._seconds.items() if model == task.cell.model}
        if not same_model:
            return None
        nearest = min(same_model, key=lambda measured: abs(measured - work))
        return same_model[nearest] * work / nearest


def comments_to_train(task: Task) -> int:
    """How many comments a training goes through, each as often as there are epochs."""
    return task.samples_per_label * task.cell.labels * task.hyper.epochs


def _work_done(success: Success) -> int:
    comments = success.splits.train.comments + success.splits.validation.comments
    return comments * int(success.fingerprint_fields["hyper.epochs"])


def measure(steps: Sequence[Step], store: Store) -> Measured:
    """Read one finished result for each size of a model that runs, rather of these settings than of others."""
    models = {step.task.cell.model for step in steps if step.runs}
    finished = (step for step in steps if step.task.cell.model in models and step.finished)
    found = sorted(finished, key=lambda step: step.action == "reuse")
    chosen = {(step.task.cell.model, step.task.cell.samples): step for step in found}
    return Measured(filter(None, (_success(step, store) for step in chosen.values())))


def _success(step: Step, store: Store) -> Success | None:
    data = store.get(result_key(step.task.cell.id, step.finished or ""))
    try:
        return decode(data, Success) if data is not None else None
    except Unreadable:
        return None
