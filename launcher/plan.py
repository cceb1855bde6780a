"""What a submit would do with each cell, why, and how long that takes as measured on finished cells."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from contract.result import Progress, Success, Unreadable, decode
from contract.store import Store, result_key
from contract.survey import Done, Failed, Lost, Missing, Running, Stale, State
from contract.task import Task

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


@dataclass(frozen=True)
class Estimate:
    """Expected work: seconds of the cells whose like was measured, and how many cells' like was not."""

    cell_seconds: float
    unknown_cells: int


def plan(tasks: Sequence[Task], states: Sequence[State]) -> list[Step]:
    """One step a cell, in the order of the grid."""
    return [_step(task, state) for task, state in zip(tasks, states, strict=True)]


def _step(task: Task, state: State) -> Step:
    match state:
        case Done():
            return Step(task, "reuse", "finished", runs=False)
        case Missing():
            return Step(task, "run", "no result yet", runs=True)
        case Stale(changes):
            return Step(task, "stale", differences(changes), runs=True)
        case Running(progress):
            return Step(task, "running", f"step {progress.step} of {progress.planned_steps}, attempt alive", runs=True)
        case Lost(progress):
            at = (
                f"last seen at step {progress.step}, {progress.updated_at:%Y-%m-%d %H:%M} UTC" if progress else "unseen"
            )
            return Step(task, "run", f"an attempt was lost ({at})", runs=True)
        case Failed(failure):
            again = "runs again" if state.retriable else "would fail again; `retry` insists"
            return Step(task, "failed", f"{failure.error}: {failure.message} ({again})", runs=state.retriable)


def last_seen(progress: Progress | None) -> str:
    """When and at which step a lost attempt reported last."""
    return f"at step {progress.step}, {progress.updated_at:%Y-%m-%d %H:%M} UTC" if progress else ""


def differences(changes: dict[str, tuple[object, object]]) -> str:
    """Which settings a stale result had and which are asked for now."""
    if not changes:
        return "its result is of other settings, and unreadable"
    return "; ".join(f"{name} {then} -> {now}" for name, (then, now) in changes.items())


def estimate(steps: Sequence[Step], measured: "Measured") -> Estimate:
    """Add up what the cells that would run are expected to take."""
    seconds = [measured.seconds_for(step.task) for step in steps if step.runs]
    return Estimate(sum(known for known in seconds if known is not None), seconds.count(None))


class Measured:
    """Seconds of finished cells: of the same model and size, else of the same model, scaled by its work."""

    def __init__(self, samples: Iterable[tuple[Task, float]]) -> None:
        self._seconds = {(task.cell.model, _work(task)): seconds for task, seconds in samples}

    def seconds_for(self, task: Task) -> float | None:
        """Expected seconds of the cell, start-up included; None when its model was never measured."""
        work = _work(task)
        if (task.cell.model, work) in self._seconds:
            return self._seconds[task.cell.model, work]
        same_model = {w: seconds for (model, w), seconds in self._seconds.items() if model == task.cell.model}
        if not same_model:
            return None
        nearest = min(same_model, key=lambda measured: abs(measured - work))
        return same_model[nearest] * work / nearest


def _work(task: Task) -> int:
    """Comments that the training goes through."""
    return task.samples_per_label * task.cell.labels * task.hyper.epochs


def measure(steps: Sequence[Step], store: Store) -> Measured:
    """Read one finished result for each model and size."""
    chosen = {(step.task.cell.model, _work(step.task)): step.task for step in steps if step.action == "reuse"}
    return Measured((task, seconds) for task in chosen.values() if (seconds := _seconds(task, store)) is not None)


def _seconds(task: Task, store: Store) -> float | None:
    data = store.get(result_key(task.cell.id, task.fingerprint()))
    try:
        by = decode(data, Success).provenance if data is not None else None
    except Unreadable:
        return None
    return (by.finished_at - by.started_at).total_seconds() if by else None
