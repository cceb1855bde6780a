"""Tables, and amounts in words."""

from collections.abc import Sequence

from contract.printable import printable
from launcher.estimates.range import Range

Cells = Sequence[str]
"""Of one line of a table."""


def table(header: Cells, rows: Sequence[Cells]) -> str:
    """Left-aligned columns, two spaces apart; the last one is as long as it likes. A row is one line."""
    shown = [[printable(cell, kept="") for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in shown) for i in range(len(header))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in shown)
    return "\n".join(line.rstrip() for line in lines)


def counted(number: int, noun: str) -> str:
    """`1 cell`, `2 cells`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def span(seconds: Range, how: str = "") -> str:
    """`12 min on 2 GPUs (9 min to 20 min)`."""
    bounds = f"({duration(seconds.low)} to {duration(seconds.high)})"
    return " ".join(filter(None, (duration(seconds.expected), how, bounds)))


def with_bounds(amount: Range, form: str, noun: str = "") -> str:
    """`14.00 GPU-hours (6.10 to 40.00)`."""
    low, expected, high = (form.format(value) for value in (amount.low, amount.expected, amount.high))
    return " ".join(filter(None, (expected, noun, f"({low} to {high})")))
