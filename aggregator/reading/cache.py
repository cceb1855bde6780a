"""Results of a bucket that were read before, in the user's cache folder: one SQLite file for each store.

A row holds the bytes of a result whose digest was checked, under its key and ETag. The store is still asked what is
there: a result that was replaced has another ETag, one that was deleted is not asked for. Several programs may use a
cache at once, and one that cannot be used costs time and nothing else.
"""

import hashlib
import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import cached_property
from pathlib import Path

from contract.result import SCHEMA

MOST_BYTES = 2**30
"""Of all files together, room for 90,000 results; the stores that were read longest ago go first."""
_WAIT_SECONDS = 5.0
_TABLE = "CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, etag TEXT NOT NULL, data BLOB NOT NULL)"
_KEEP = "INSERT OR REPLACE INTO results VALUES (?, ?, ?)"

Row = tuple[str, str, bytes]
"""Key, ETag, bytes."""


class Cache:
    """Of one store, opened when it is first needed: a folder's results have no ETag and need none."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @cached_property
    def _database(self) -> sqlite3.Connection | None:
        return _opened(self._file)

    def find(self, versions: Mapping[str, str]) -> dict[str, bytes]:
        """Key -> bytes of what was kept and is still the same; `versions` are the ETags of at most 1,000 keys."""
        if not versions or self._database is None:
            return {}
        places = ", ".join("?" * len(versions))
        with suppress(sqlite3.Error):
            rows = self._database.execute(f"SELECT * FROM results WHERE key IN ({places})", list(versions))  # noqa: S608
            return {key: data for key, etag, data in rows if versions[key] == etag}
        return {}

    def keep(self, fresh: Collection[Row], listed: Collection[str]) -> None:
        """Add what is `fresh`, forget what the store does not list any more."""
        if not fresh or self._database is None:
            return
        with suppress(sqlite3.Error), self._database as database:
            database.executemany(_KEEP, fresh)
            kept = {key for (key,) in database.execute("SELECT key FROM results")}
            database.executemany("DELETE FROM results WHERE key = ?", ((key,) for key in kept.difference(listed)))

    def close(self) -> None:
        """To be opened no more."""
        if (database := self.__dict__.get("_database")) is not None:
            database.close()


@contextmanager
def cache_of(uri: str, most_bytes: int = MOST_BYTES) -> Iterator[Cache]:
    """That of the store at `uri`. Two buckets of one name share it: equal ETags are equal bytes."""
    # Programs of two schemas would refuse, or misread, what the other one keeps.
    file = _folder() / f"{hashlib.sha256(f'{SCHEMA} {uri}'.encode()).hexdigest()[:16]}.sqlite"
    with closing(Cache(file)) as cache:
        yield cache
    with suppress(OSError):
        _make_room(most_bytes)


def _opened(file: Path) -> sqlite3.Connection | None:
    """None where nothing can be kept. What is no database any more never mends itself: it is removed for the next."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = sqlite3.connect(file, timeout=_WAIT_SECONDS)
        database.execute(_TABLE)
        file.touch()  # it was used now
    except (sqlite3.Error, OSError) as error:
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            with suppress(OSError):
                file.unlink()
        return None
    return database


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "emotion-grid" / "results"


def _make_room(most_bytes: int) -> None:
    """Drop whole files. A program that has one open keeps it until it ends."""
    room = most_bytes
    for file in sorted(_folder().glob("*.sqlite"), key=lambda file: -file.stat().st_mtime):
        room -= file.stat().st_size
        if room < 0:
            file.unlink()
