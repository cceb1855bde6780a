"""Waiting for a run, with plain lines meanwhile."""

import time
from collections.abc import Callable, Sequence

from launcher.show import status_of, totals
from launcher.talk import say
from launcher.view import Row, is_final

_POLL_SECONDS = 5.0
_HEARTBEAT_SECONDS = 60.0

Look = Callable[[], list[Row]]


def wait_for(look: Look, timeout_seconds: float | None) -> list[Row]:
    """Look until nothing more will happen by itself, or the time is over; what was seen last."""
    deadline = time.monotonic() + timeout_seconds if timeout_seconds is not None else None
    teller = _Teller()
    while True:
        rows = look()
        teller.tell(rows)
        if all(is_final(row.state) for row in rows):
            return rows
        if deadline is not None and time.monotonic() >= deadline:
            say(f"the time is over: {_totals(rows)}")
            return rows
        time.sleep(_POLL_SECONDS if deadline is None else max(0.0, min(_POLL_SECONDS, deadline - time.monotonic())))


def _totals(rows: Sequence[Row]) -> str:
    return totals([row.state for row in rows])


class _Teller:
    """A line for each cell whose state is another one than at the last look, and the totals once a minute."""

    def __init__(self) -> None:
        self._states: dict[str, str] = {}
        self._spoken = float("-inf")

    def tell(self, rows: Sequence[Row]) -> None:
        before = self._states
        self._states = {row.task.cell.id: status_of(row.state).state for row in rows}
        for row in rows:
            status = status_of(row.state)
            if before and before[row.task.cell.id] != status.state:
                say(f"{status.state:<9}  {row.task.cell.id}{': ' if status.detail else ''}{status.detail}")
        if time.monotonic() - self._spoken >= _HEARTBEAT_SECONDS:
            self._spoken = time.monotonic()
            say(f"{len(rows)} cells: {_totals(rows)}")
