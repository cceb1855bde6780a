"""A few results of many. Each is a GET, and a thousand of them would tell no more."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from contract.result import Success, Unreadable, decode
from contract.store import Store

T = TypeVar("T")

_READERS = 16


def spread(items: Sequence[T], number: int) -> Sequence[T]:
    """At most `number` of them, at least 2, evenly from the first to the last."""
    if len(items) <= number:
        return items
    return [items[i * (len(items) - 1) // (number - 1)] for i in range(number)]


def read_results(keys: Iterable[str], store: Store) -> Iterator[Success]:
    """Those that are there and can be read, in order."""
    return (result for _, result in read_each(keys, store) if isinstance(result, Success))


def read_each(keys: Iterable[str], store: Store) -> Iterator[tuple[str, Success | Unreadable | None]]:
    """Each key with its result, with why that cannot be read, or with None where nothing is there; in order."""
    with ThreadPoolExecutor(_READERS) as pool:
        yield from pool.map(lambda key: (key, _read(key, store)), keys)


def _read(key: str, store: Store) -> Success | Unreadable | None:
    data = store.get(key)
    try:
        return decode(data, Success) if data is not None else None
    except Unreadable as error:
        return error
