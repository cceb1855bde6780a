"""Results on stdout, everything else on stderr."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from contract.printable import printable


def out(text: str) -> None:
    """A line of the result."""
    sys.stdout.write(f"{printable(text)}\n")


def print_json(document: dict[str, Any]) -> None:
    """For machines, alone on stdout."""
    out(json.dumps(document, indent=1))


def say(text: str) -> None:
    """A line about what happens."""
    sys.stderr.write(f"{printable(text)}\n")


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of equal length, each of one line, each column as wide as its widest entry."""
    shown = [[printable(entry, kept="") for entry in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in shown)
