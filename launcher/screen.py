"""A run on a terminal, redrawn at each look: the totals, then as many cells as fit, those that matter first."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from contract.store import Store
from launcher.forecast import Measurements, remaining, running
from launcher.plan import Estimate
from launcher.show import Word, counted, expected, rows_table, status_of, totals
from launcher.view import Row, is_final
from launcher.waiting import Display, Lines

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


def screen_or_lines(store: Store) -> Display:
    """A table on a terminal, lines elsewhere."""
    return Screen(store) if sys.stderr.isatty() else Lines()


class Screen:
    """The table. It leaves the terminal as it was."""

    def __init__(self, store: Store) -> None:
        from rich.console import Console
        from rich.live import Live

        self._measurements = Measurements(store)
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
        self._live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)


def picture(rows: Sequence[Row], left: Estimate, lines: int, now: datetime) -> str:
    """The screen's text, one less than `lines` where there are more cells than that."""
    ordered = sorted(rows, key=lambda row: _ORDER.index(status_of(row.state).state))
    shown = ordered[: max(1, lines - _FRAME_LINES)]
    more = [f"{len(rows) - len(shown)} more; plain `status` shows all"] if len(shown) < len(rows) else []
    return "\n".join([*_summary(rows, left), rows_table(shown, now), *more])


def _summary(rows: Sequence[Row], left: Estimate) -> list[str]:
    told = f"{counted(len(rows), 'cell')}: {totals([row.state for row in rows])}"
    to_end = sum(not is_final(row.state) for row in rows)
    return [told, f"to go: {expected(left, to_end, running(rows) or None)}"] if to_end else [told]
