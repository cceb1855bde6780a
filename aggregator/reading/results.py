"""Results read from a store: each once, many requests at a time; what a bucket had before comes from the cache."""

import gc
from collections.abc import Container, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice

from pydantic import ValidationError

from aggregator.reading.cache import Cache, Row, cache_of
from aggregator.reading.progress import Watch, unwatched
from contract.keys import RESULTS
from contract.result import Success, Unreadable, decode
from contract.store import Entry, Reader

_READERS = 64
"""Requests at a time: with 20 ms of latency they bring 64 results in the time of one."""
_PAGE = 1000


@dataclass(frozen=True)
class Damaged:
    """A result is there and was refused."""

    key: str
    reason: str


@dataclass(frozen=True)
class Results:
    """`listed` are the keys of all results, `read` holds those that were wanted, by key."""

    listed: Sequence[str]
    read: Mapping[str, Success | Damaged]


def read_results(wanted: Container[str], store: Reader, watch: Watch = unwatched) -> Results:
    """One LIST, and a GET for each wanted result that is not in the cache. Raises StoreFailed."""
    listed: list[str] = []
    kept: dict[str, Success] = {}
    asked: dict[Entry, Future[bytes | None]] = {}
    with _uncollected(), cache_of(store.uri) as cache, _readers() as readers:
        for page in _looking_ahead(store.entries(RESULTS)):
            listed += [entry.key for entry in page]
            of_page = [entry for entry in page if entry.key in wanted]
            kept |= _kept(of_page, cache)
            asked |= {entry: readers.submit(store.get, entry.key) for entry in of_page if entry.key not in kept}
        answers = [_Answer.of(entry, data.result()) for entry, data in watch(asked.items(), "results", len(asked))]
        cache.keep([row for answer in answers for row in answer.rows()], listed)
    return Results(listed, kept | {answer.entry.key: answer.result for answer in answers})


def _looking_ahead(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    """Page by page; the next one is asked for while one is dealt with."""
    with ThreadPoolExecutor(1) as ahead:
        page = ahead.submit(lambda: list(islice(entries, _PAGE)))
        while found := page.result():
            page = ahead.submit(lambda: list(islice(entries, _PAGE)))
            yield found


def _kept(entries: Sequence[Entry], cache: Cache) -> dict[str, Success]:
    """By key. A folder's results have no ETag: they are read in the time that a cache would take."""
    found = cache.find({entry.key: entry.etag for entry in entries if entry.etag})
    kept = {}
    for key, data in found.items():
        with suppress(ValidationError):
            kept[key] = Success.model_validate_json(data)
    return kept


@dataclass(frozen=True)
class _Answer:
    """What a GET brought, and what it means."""

    entry: Entry
    data: bytes | None
    result: Success | Damaged

    @classmethod
    def of(cls, entry: Entry, data: bytes | None) -> "_Answer":
        return cls(entry, data, _decoded(entry.key, data))

    def rows(self) -> Iterator[Row]:
        """For the cache: one, if it has an ETag and was not refused."""
        if self.entry.etag and self.data is not None and isinstance(self.result, Success):
            yield self.entry.key, self.entry.etag, self.data


def _decoded(key: str, data: bytes | None) -> Success | Damaged:
    if data is None:
        return Damaged(key, "it vanished while it was being read")
    try:
        return decode(data, Success)
    except Unreadable as error:
        return Damaged(key, f"{error}; {error.way_out}")


@contextmanager
def _readers() -> Iterator[ThreadPoolExecutor]:
    """Where one request failed, those that were not sent are dropped: a store that is gone is not asked for all."""
    readers = ThreadPoolExecutor(_READERS)
    try:
        yield readers
    finally:
        readers.shutdown(cancel_futures=True)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Thousands of results are made, none is garbage: looking for some, now and at exit, takes as long as parsing."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()
