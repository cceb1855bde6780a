"""How far something is that takes more than a moment: a bar in a terminal, which goes when it is done."""

import sys
from collections.abc import Iterable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Watch(Protocol):
    """Items, what they are, and how many of them -> the same items, while somebody watches."""

    def __call__(self, items: Iterable[T], what: str, total: int) -> Iterable[T]:
        """The items."""


def unwatched(items: Iterable[T], what: str, total: int) -> Iterable[T]:
    """The items."""
    return items


def in_terminal(items: Iterable[T], what: str, total: int) -> Iterable[T]:
    """The items, with a bar on stderr if that is a terminal."""
    if not total or not sys.stderr.isatty():
        return items
    from rich.console import Console
    from rich.progress import track

    return track(items, what, total, console=Console(stderr=True), transient=True)
