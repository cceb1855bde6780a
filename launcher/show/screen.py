"""A run on a terminal, redrawn at each look: the totals, then as many cells as fit, those that matter first."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from contract.printable import printable
from contract.store import Store
from launcher.cells.view import Row, is_final
from launcher.costs.forecast import Measurements, Remaining, remaining
from launcher.estimates.speeds import Device
from launcher.show.states import Word, rows_table, status_of, totals
from launcher.show.waiting import Display, Lines
from launcher.show.words import counted, span

_FRAME_LINES = 5
"""Totals, forecast, header, how many cells are left out, and the cursor's own line."""
_ORDER: tuple[Word, ...] = (
    "failed",
    "stuck",
    "lost",
    "running",
    "pulling",
    "ending",
    "pending",
    "queued",
    "suspended",
    "held",
    "stale",
    "missing",
    "done",
)
"""What somebody has to act on first, then what moves, then what waits."""


def screen_or_lines(store: Store, device: Device) -> Display:
    """A table on a terminal, lines elsewhere. Cells are trained on a `device`."""
    return Screen(store, device) if sys.stderr.isatty() else Lines()


class Screen:
    """The table. It leaves the terminal as it was."""

    def __init__(self, store: Store, device: Device) -> None:
        from rich.console import Console
        from rich.live import Live

        self._measurements = Measurements(store, device)
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def live(self) -> AbstractContextManager[object]:
        """The stretch of time in which the table is on the screen."""
        return self._live

    def show(self, rows: Sequence[Row]) -> None:
        """Draw it anew."""
        from rich.text import Text

        left = remaining(rows, self._measurements.by(rows))
        text = picture(rows, left, self._console.height, datetime.now(UTC))
        self._live.update(Text(printable(text), no_wrap=True, overflow="ellipsis"), refresh=True)


def picture(rows: Sequence[Row], left: Remaining, lines: int, now: datetime) -> str:
    """The screen's text, one less than `lines` where there are more cells than that."""
    ordered = sorted(rows, key=lambda row: _ORDER.index(status_of(row.state).state))
    shown = ordered[: max(1, lines - _FRAME_LINES)]
    more = [f"{len(rows) - len(shown)} more; plain `status` shows all"] if len(shown) < len(rows) else []
    return "\n".join([*_summary(rows, left), rows_table(shown, now), *more])


def _summary(rows: Sequence[Row], left: Remaining) -> list[str]:
    told = f"{counted(len(rows), 'cell')}: {totals([row.state for row in rows])}"
    if all(is_final(row.state) for row in rows):
        return [told]
    how = f"with {left.at_a_time} at a time" if left.at_a_time else "of training in all"
    return [told, f"to go: about {span(left.seconds, how)}"]
