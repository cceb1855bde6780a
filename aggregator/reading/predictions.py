"""Which test comments a finished cell got right, read from the predictions that lie beside its result.

A file counts only when it is the one that the result vouches for, and speaks of the result's own test comments.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from aggregator.reading.progress import Watch, unwatched
from aggregator.statistics.resample import Values, draw_comments
from contract.keys import PREDICTIONS
from contract.result import Split, Success, artifact
from contract.store import Reader

_READERS = 16
_MOST_BYTES = 16 * 2**20
"""Ten times what 5,000 comments on 27 labels take."""
_HEADER = ["id", "true", "predicted"]


@dataclass(frozen=True)
class Answers:
    """`right[i]` says whether the comment `ids[i]` was given its true label; the order is that of the test set."""

    ids: tuple[str, ...]
    right: NDArray[np.bool_]

    @cached_property
    def resampled(self) -> Values:
        """The accuracy in each draw of the bootstrap; every pair and interval of the cell goes by the same ones."""
        return draw_comments(self.right)


@dataclass(frozen=True)
class Refused:
    """The cell's predictions cannot be used."""

    reason: str


Predictions = Mapping[str, Answers | Refused]
"""Fingerprint of a finished cell -> its answers."""


def read_predictions(successes: Sequence[Success], store: Reader, watch: Watch = unwatched) -> Predictions:
    """The answers of every finished cell. Raises StoreFailed when the store itself cannot be read."""
    with ThreadPoolExecutor(_READERS) as readers:
        found = watch(readers.map(partial(_read, store), successes), "predictions", len(successes))
        return {success.fingerprint: answers for success, answers in zip(successes, found, strict=True)}


def _read(store: Reader, success: Success) -> Answers | Refused:
    listed = success.artifacts.get(PREDICTIONS)
    if listed is None:
        return Refused(f"its result lists no {PREDICTIONS}")
    if listed.bytes > _MOST_BYTES:
        return Refused(f"{listed.key} has {listed.bytes} bytes, more than {_MOST_BYTES}")
    data = store.get(listed.key)
    if data is None:
        return Refused(f"{listed.key} is gone")
    if artifact(listed.key, data) != listed:
        return Refused(f"{listed.key} is not the file that the result lists: size or sha256 differs")
    return _parse(data, success) or Refused(f"{listed.key} does not hold answers to the result's test comments")


def _parse(data: bytes, success: Success) -> Answers | None:
    """None unless the rows are those of the result's test set."""
    try:
        header, *rows = csv.reader(io.StringIO(data.decode()))
        ids, true, predicted = zip(*(row[:3] for row in rows), strict=True)
    except (ValueError, csv.Error):
        return None
    position = {name: i for i, name in enumerate(success.labels)}
    asked = Split.of((comment, position.get(label, -1)) for comment, label in zip(ids, true, strict=True))
    if header[:3] != _HEADER or asked != success.splits.test:
        return None
    return Answers(ids, np.array(true) == np.array(predicted))
