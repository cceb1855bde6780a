"""What attempts left behind in the store: files that no result refers to, and checkpoints of cells given up."""

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain

from contract.exits import OK, ExitCode
from contract.keys import ATTEMPTS, CHECKPOINTS, RESULTS, attempt_file, checkpoint_part
from contract.result import Success, Unreadable, decode
from contract.store import Entry, Store
from launcher.command_line.talk import out, print_json
from launcher.show.words import table

_CONNECTIONS = 64


@dataclass(frozen=True)
class Leftover:
    """What one attempt left in one place, less what a result refers to."""

    place: str
    keys: tuple[str, ...]
    bytes: int
    modified_at: datetime


def gc(args: argparse.Namespace, store: Store) -> ExitCode:
    """List what is left over, or remove it."""
    found = leftovers(store, datetime.now(UTC) - timedelta(seconds=args.older_than))
    if args.yes:
        _remove(store, found)
    if args.json:
        print_json(_document(found, removed=args.yes))
    else:
        out(_text(found, removed=args.yes))
    return OK


def leftovers(store: Store, before: datetime) -> list[Leftover]:
    """By place: attempts and checkpoints of which nothing was written after `before`, less what a result refers to."""
    # The results are read after this listing, so that an attempt which publishes meanwhile keeps its files.
    places = _by_attempt(chain(store.entries(ATTEMPTS), store.entries(CHECKPOINTS)))
    old = {place: files for place, files in places.items() if max(file.modified_at for file in files) < before}
    referred = _referred(store) if old else _Referred(frozenset(), ())
    spare = {place: [file for file in files if not referred.to(file.key)] for place, files in old.items()}
    return [_leftover(place, files) for place, files in spare.items() if files]


def _by_attempt(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Place -> the files of one attempt there. What no trainer wrote is nobody's to remove."""
    places: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        file = attempt_file(entry.key) or checkpoint_part(entry.key)
        if file is not None:
            places[file.place].append(entry)
    return places


@dataclass(frozen=True)
class _Referred:
    keys: frozenset[str]
    unreadable: tuple[str, ...]
    """The beginnings of all keys of cells whose result cannot be read, and may refer to any of them."""

    def to(self, key: str) -> bool:
        return key in self.keys or key.startswith(self.unreadable)


def _referred(store: Store) -> _Referred:
    keys: set[str] = set()
    unreadable: list[str] = []
    results = list(store.list(RESULTS))
    with ThreadPoolExecutor(_CONNECTIONS) as readers:
        for key, data in zip(results, readers.map(store.get, results), strict=True):
            try:
                keys.update(part.key for part in decode(data or b"", Success).artifacts.values())
            except Unreadable:
                unreadable += _places_of(key)
    return _Referred(frozenset(keys), tuple(unreadable))


def _places_of(result: str) -> Iterator[str]:
    cell = result.removeprefix(RESULTS).removesuffix(".json")
    return (f"{prefix}{cell}/" for prefix in (ATTEMPTS, CHECKPOINTS))


def _leftover(place: str, files: list[Entry]) -> Leftover:
    keys = tuple(file.key for file in files)
    return Leftover(place, keys, sum(file.bytes for file in files), max(file.modified_at for file in files))


def _remove(store: Store, found: list[Leftover]) -> None:
    with ThreadPoolExecutor(_CONNECTIONS) as deletes:
        list(deletes.map(store.delete, (key for leftover in found for key in leftover.keys)))


def _text(found: list[Leftover], *, removed: bool) -> str:
    if not found:
        return "nothing is left over"
    rows = [(f"{each.modified_at:%Y-%m-%d}", str(len(each.keys)), _size(each.bytes), each.place) for each in found]
    files, size = sum(len(each.keys) for each in found), _size(sum(each.bytes for each in found))
    end = "removed" if removed else "--yes removes them"
    return f"{table(('LAST WRITTEN', 'FILES', 'SIZE', 'PLACE'), rows)}\n{files} files, {size}: {end}"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def _document(found: list[Leftover], *, removed: bool) -> dict[str, object]:
    return {
        "removed": removed,
        "files": sum(len(each.keys) for each in found),
        "bytes": sum(each.bytes for each in found),
        "places": [
            {
                "place": each.place,
                "files": list(each.keys),
                "bytes": each.bytes,
                "modified_at": f"{each.modified_at:%FT%TZ}",
            }
            for each in found
        ],
    }
