"""Waiting for a run, which is shown meanwhile: in plain lines here, as a table in screen.py."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from launcher.cells.view import Row, Stuck, is_final
from launcher.command_line.talk import say
from launcher.show.states import status_of, totals
from launcher.show.words import counted

_POLL_SECONDS = 5.0
_HEARTBEAT_SECONDS = 60.0

Look = Callable[[], list[Row]]


class Display(Protocol):
    """Where a run is shown."""

    def live(self) -> AbstractContextManager[object]:
        """The stretch of time in which it is shown."""

    def show(self, rows: Sequence[Row]) -> None:
        """What the latest look saw."""


def wait_for(look: Look, timeout_seconds: float | None, display: Display) -> list[Row]:
    """Look until nothing more will happen by itself, or the time is over; what was seen last.

    Ctrl-C ends the waiting and nothing else; the KeyboardInterrupt says so.
    """
    deadline = time.monotonic() + timeout_seconds if timeout_seconds is not None else None
    try:
        with display.live():
            rows = _watch(look, deadline, display)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt("no longer waiting; the cells go on, and the same command waits again") from interrupt
    if not _settled(rows):
        say(f"the time is over: {_totals(rows)}")
    return rows


def _watch(look: Look, deadline: float | None, display: Display) -> list[Row]:
    while True:
        rows = look()
        display.show(rows)
        if _settled(rows) or (deadline is not None and time.monotonic() >= deadline):
            return rows
        time.sleep(_POLL_SECONDS if deadline is None else max(0.0, min(_POLL_SECONDS, deadline - time.monotonic())))


def _settled(rows: Sequence[Row]) -> bool:
    return all(is_final(row.state) for row in rows)


def _totals(rows: Sequence[Row]) -> str:
    return totals([row.state for row in rows])


class Lines:
    """A line for each cell whose state is another one than at the last look.

    Once a minute the totals, and what keeps cells from starting.
    """

    def __init__(self) -> None:
        self._states: dict[str, str] = {}
        self._spoken = float("-inf")

    def live(self) -> AbstractContextManager[object]:
        """Lines need no stage."""
        return nullcontext()

    def show(self, rows: Sequence[Row]) -> None:
        """Tell what changed."""
        before = self._states
        self._states = {row.task.cell.id: status_of(row.state).state for row in rows}
        for row in rows:
            status = status_of(row.state)
            if before and before[row.task.cell.id] != status.state:
                say(f"{status.state:<9}  {row.task.cell.id}{': ' if status.detail else ''}{status.detail}")
        if time.monotonic() - self._spoken >= _HEARTBEAT_SECONDS:
            self._spoken = time.monotonic()
            say(f"{counted(len(rows), 'cell')}: {_totals(rows)}")
            stuck = Counter(row.state.why for row in rows if isinstance(row.state, Stuck))
            for why, count in stuck.items():
                say(f"{count} stuck: {why}")
