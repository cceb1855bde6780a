"""Results in a folder, as much as a report reads: results, runs, predictions, and why attempts failed.

What makes a file new is what rsync and `aws s3 sync` go by, its size and time. Nothing is ever deleted.
"""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from aggregator.reading.progress import Watch, unwatched
from contract.exits import BadInput, StoreFailed
from contract.folder import DirStore
from contract.keys import ATTEMPTS, FAILURE, PODS, PREDICTIONS, PROGRESS, RESULTS, RUNS, attempt_file, is_inside
from contract.store import Entry, Reader

_COPIERS = 32
_READ_BY_A_REPORT = {FAILURE, PROGRESS, PREDICTIONS}
_SAME_TIME = timedelta(milliseconds=1)
"""A file's time comes back from the disk with another rounding."""


@dataclass(frozen=True)
class Pulled:
    """How many files were copied, their bytes, and how many were there before."""

    copied: int
    bytes: int
    unchanged: int


def pull(source: Reader, into: DirStore, watch: Watch = unwatched) -> Pulled:
    """Copy what is new. Raises BadInput for a key that no folder can hold, StoreFailed where a store fails."""
    results = list(_wanted(source, RESULTS))  # first: what a result names was there before it
    there = [entry for prefix in (ATTEMPTS, PODS, RUNS) for entry in _wanted(source, prefix)]
    here = {entry.key: entry for entry in into.entries("")}
    new = [entry for entry in there if _is_new(entry, here)]
    new_results = [entry for entry in results if _is_new(entry, here)]
    sizes = []
    with ThreadPoolExecutor(_COPIERS) as copiers:
        for part in (new, new_results):  # results last: one that is there vouches for its artifacts
            copied = copiers.map(lambda entry: _copy(entry, source, into), part)
            sizes += [size for size in watch(copied, "files", len(part)) if size is not None]
    return Pulled(len(sizes), sum(sizes), len(there) + len(results) - len(new) - len(new_results))


def _wanted(source: Reader, prefix: str) -> Iterator[Entry]:
    for entry in source.entries(prefix):
        if not is_inside(entry.key):
            raise BadInput(f"{source.uri} holds {entry.key!r}, which cannot be a file in a folder; delete it")
        file = attempt_file(entry.key) if prefix == ATTEMPTS else None
        if prefix != ATTEMPTS or (file and file.name in _READ_BY_A_REPORT):
            yield entry


def _is_new(entry: Entry, here: Mapping[str, Entry]) -> bool:
    own = here.get(entry.key)
    return own is None or own.bytes != entry.bytes or abs(own.modified_at - entry.modified_at) > _SAME_TIME


def _copy(entry: Entry, source: Reader, into: DirStore) -> int | None:
    """The bytes copied; None for what is gone by now, as the progress of an attempt that ended."""
    data = source.get(entry.key)
    if data is None:
        return None
    into.put(entry.key, data)
    seconds = entry.modified_at.timestamp()
    try:
        os.utime(into.root / entry.key, (seconds, seconds))
    except OSError as error:
        raise StoreFailed(f"cannot set the time of {into.root / entry.key}: {error.strerror}") from error
    return len(data)
