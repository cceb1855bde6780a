"""Results on stdout, everything else on stderr."""

import json
import sys
from collections.abc import Sequence
from typing import Any


def out(text: str) -> None:
    """A line of the result."""
    sys.stdout.write(f"{text}\n")


def print_json(document: dict[str, Any]) -> None:
    """For machines, alone on stdout."""
    out(json.dumps(document, indent=1))


def say(text: str) -> None:
    """A line about what happens."""
    sys.stderr.write(f"{text}\n")


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of equal length, each column as wide as its widest entry."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
