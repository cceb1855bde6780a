"""Results on stdout, everything else on stderr."""

import json
import sys
from typing import Any

from contract.exits import BadInput
from contract.printable import printable


def print_json(document: dict[str, Any]) -> None:
    """For machines, alone on stdout."""
    out(json.dumps(document, indent=1))


def out(text: str) -> None:
    """A line of the result."""
    sys.stdout.write(f"{printable(text)}\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """A line about what happens."""
    sys.stderr.write(f"{printable(text)}\n")
    sys.stderr.flush()


def confirmed(question: str) -> bool:
    """Raises BadInput where nobody can answer."""
    if not sys.stdin.isatty():
        raise BadInput("no terminal to ask in: add --yes to do what stands above")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
