"""From a corpus to a cell's comments: one label each, balanced, nested, and the same on every machine.

Comments are drawn by hash (docs/decisions/0004-draw.md), so a draw depends on the seed and on nothing else.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from contract.exits import BadInput
from contract.result import Split
from contract.task import Task
from trainer.corpus import Row, read_rows

_TEST_SEED = "test"
"""In place of a cell's seed: the test set is the same for every cell of a label set."""


@dataclass(frozen=True)
class Comment:
    """A comment of the cell; `label` is its position in `Task.labels`."""

    id: str
    text: str
    label: int


@dataclass(frozen=True)
class Dataset:
    """Training and validation are drawn by the cell's seed; the test set is fixed for the label set."""

    train: list[Comment]
    validation: list[Comment]
    test: list[Comment]


def load(task: Task) -> Dataset:
    """The cell's comments. Raises BadInput for a damaged corpus or a label that falls short."""
    return draw(task, read_rows(task, "train"), read_rows(task, "test"))


def draw(task: Task, train_rows: list[Row], test_rows: list[Row]) -> Dataset:
    """Raises BadInput, naming each label that has fewer comments than are asked for."""
    seed, per_label = str(task.cell.seed), task.samples_per_label
    in_test = {row.text for row in _single_label(test_rows)}
    candidates = _by_label(task.labels, (row for row in _unambiguous(train_rows) if row.text not in in_test), seed)
    short = {name: len(found) for name, found in zip(task.labels, candidates, strict=True) if len(found) < per_label}
    if short:
        available = ", ".join(f"{name} has {count}" for name, count in short.items())
        raise BadInput(f"{task.cell.samples} samples need {per_label} comments a label: {available}")
    drawn = [found[:per_label] for found in candidates]
    tests = _by_label(task.labels, _unambiguous(test_rows), _TEST_SEED)
    scarcest = min(len(found) for found in tests)
    if not scarcest:
        raise BadInput(f"the test split has no comment for {task.labels[[len(t) for t in tests].index(0)]}")
    return Dataset(
        train=_mixed(comment for found in drawn for i, comment in enumerate(found) if i % 10),
        validation=_mixed(comment for found in drawn for comment in found[::10]),
        test=_mixed(comment for found in tests for comment in found[:scarcest]),
    )


def split_record(comments: list[Comment]) -> Split:
    """How many comments, and a sha256 over their ids and labels in order."""
    return Split.of((comment.id, comment.label) for comment in comments)


def _single_label(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if len(row.emotions) == 1]


def _unambiguous(rows: Iterable[Row]) -> list[Row]:
    """Rows of one label, each text once; a text that occurs with two labels (neutral counts) is left out."""
    by_text: dict[str, list[Row]] = defaultdict(list)
    for row in _single_label(rows):
        by_text[row.text].append(row)
    return [min(same, key=lambda row: row.id) for same in by_text.values() if len({row.emotions for row in same}) == 1]


def _by_label(labels: tuple[str, ...], rows: Iterable[Row], seed: str) -> list[list[Comment]]:
    """For each label its candidates in the order in which they are drawn."""
    position = {name: i for i, name in enumerate(labels)}
    candidates: list[list[Comment]] = [[] for _ in labels]
    for row in rows:
        (emotion,) = row.emotions
        if emotion in position:
            candidates[position[emotion]].append(Comment(row.id, row.text, position[emotion]))
    return [
        sorted(found, key=lambda comment: _rank(seed, name, comment.id))
        for name, found in zip(labels, candidates, strict=True)
    ]


def _mixed(comments: Iterable[Comment]) -> list[Comment]:
    """Labels interleaved by hash, so that no batch order depends on the order of the corpus."""
    return sorted(comments, key=lambda comment: _rank("order", comment.id))


def _rank(*parts: str) -> bytes:
    return hashlib.sha256(":".join(parts).encode()).digest()
