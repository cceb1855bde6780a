"""A few results of many. Each is a GET, and a thousand of them would tell no more."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from contract.result import Success
from contract.store import Store
from contract.survey import read_document

T = TypeVar("T")

_READERS = 16


def spread(items: Sequence[T], number: int) -> Sequence[T]:
    """At most `number` of them, at least 2, evenly from the first to the last."""
    if len(items) <= number:
        return items
    return [items[i * (len(items) - 1) // (number - 1)] for i in range(number)]


def read_results(keys: Iterable[str], store: Store) -> Iterator[Success]:
    """Those that are there and can be read, in order."""
    with ThreadPoolExecutor(_READERS) as pool:
        yield from filter(None, pool.map(lambda key: read_document(store, key, Success), keys))
