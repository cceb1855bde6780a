"""What the test cluster raises."""

from pathlib import Path

_TAIL_LINES = 15


class ClusterFailed(Exception):
    """The cluster could not be built or started; the message says which part, why, and the way out."""


def tail(text: str) -> str:
    """The last lines of a program's output, indented to stand under a message."""
    return "\n".join(f"  {line}" for line in text.splitlines()[-_TAIL_LINES:])


def log_tail(log: Path) -> str:
    """The last lines of a log."""
    return tail(log.read_text(errors="replace"))
