"""A cache folder outside the tree whose entries are whole or absent."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """`emotion-grid` in the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "emotion-grid"


@contextmanager
def locked(entry: Path) -> Iterator[None]:
    """One process at a time in here for this entry; the kernel opens the lock when its holder is gone."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    with (entry.parent / f"{entry.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def written_aside(entry: Path) -> Iterator[Path]:
    """A fresh folder that becomes `entry` when the block ends well. To be used under its lock.

    What a killed process left of it is swept away by the next.
    """
    aside = entry.parent / f"{entry.name}.unfinished"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        yield aside
        aside.rename(entry)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
