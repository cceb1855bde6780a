"""How long a run still takes, by what its finished cells took."""

from collections.abc import Sequence

from contract.store import Store
from contract.survey import Done, Missing, Running
from launcher.plan import Estimate, Measured, measure, plan
from launcher.view import Row, Started, is_final


def remaining(rows: Sequence[Row], measured: Measured) -> Estimate:
    """Of the cells that will end by themselves: a running one as it says, the others as their like took."""
    seconds = [_seconds(row, measured) for row in rows if not is_final(row.state)]
    return Estimate(sum(known for known in seconds if known is not None), seconds.count(None))


def running(rows: Sequence[Row]) -> int:
    """How many cells are at work."""
    return sum(isinstance(row.state, Running | Started) for row in rows)


def _seconds(row: Row, measured: Measured) -> float | None:
    if isinstance(row.state, Running) and row.state.progress.eta_seconds is not None:
        return row.state.progress.eta_seconds
    return measured.seconds_for(row.task)


class Measurements:
    """What is measured so far. A look at more finished cells reads results only if their like was not there before."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kinds: set[tuple[str, int]] = set()
        self._measured = Measured(())

    def by(self, rows: Sequence[Row]) -> Measured:
        """By the cells that are done."""
        kinds = {(row.task.cell.model, row.task.cell.samples) for row in rows if isinstance(row.state, Done)}
        if kinds != self._kinds:
            self._kinds = kinds
            states = [Done() if isinstance(row.state, Done) else Missing() for row in rows]
            self._measured = measure(plan([row.task for row in rows], states), self._store)
        return self._measured
