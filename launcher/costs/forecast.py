"""How long a run still takes, by what its finished cells took."""

from collections.abc import Sequence
from dataclasses import dataclass

from contract.store import Store
from contract.survey import Done, Missing, Running
from launcher.cells.plan import plan
from launcher.cells.view import Row, Started, is_final
from launcher.estimates.estimate import Estimator
from launcher.estimates.evidence import gather
from launcher.estimates.range import Range, total
from launcher.estimates.schedule import makespan
from launcher.estimates.speeds import Device


@dataclass(frozen=True)
class Remaining:
    """Of the cells that end by themselves."""

    seconds: Range
    """Until the last one is done; where none is at work, of all in a row."""
    at_a_time: int
    """How many cells are at work."""


def remaining(rows: Sequence[Row], estimator: Estimator) -> Remaining:
    """A running cell takes what it says, the others what their like took, with as many at a time as now."""
    to_end = sorted((row for row in rows if not is_final(row.state)), key=lambda row: not _is_at_work(row))
    seconds, at_a_time = [_seconds(row, estimator) for row in to_end], sum(map(_is_at_work, to_end))
    return Remaining(makespan(seconds, at_a_time) if at_a_time else total(seconds), at_a_time)


def _is_at_work(row: Row) -> bool:
    return isinstance(row.state, Running | Started)


def _seconds(row: Row, estimator: Estimator) -> Range:
    if isinstance(row.state, Running) and row.state.progress.eta_seconds is not None:
        return Range.of(row.state.progress.eta_seconds)
    return estimator(row.task).seconds


class Measurements:
    """What is measured so far. A look at more finished cells reads results only if their like was not there before."""

    def __init__(self, store: Store, device: Device) -> None:
        self._store = store
        self._device = device
        self._kinds: set[tuple[str, int]] | None = None
        self._estimator = Estimator((), device)

    def by(self, rows: Sequence[Row]) -> Estimator:
        """By the cells that are done."""
        kinds = {(row.task.cell.model, row.task.cell.samples) for row in rows if isinstance(row.state, Done)}
        if kinds != self._kinds:
            self._kinds = kinds
            states = [Done() if isinstance(row.state, Done) else Missing() for row in rows]
            steps = plan([row.task for row in rows], states)
            self._estimator = Estimator(gather(steps, self._store, self._device), self._device)
        return self._estimator
