"""Label by label: how well each is told, and what it is taken for. All on test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from aggregator.outcomes.boxes import Box, Boxes, Subset


@dataclass(frozen=True)
class LabelScore:
    """Means over the finished seeds, 0..1."""

    precision: float
    recall: float
    f1: float


Confusion = NDArray[np.float64]
"""`[t, p]` of the comments of label t were taken for label p, 0..1; nan where no comment has the label t."""


@dataclass(frozen=True)
class Told:
    """How a model tells the labels of a subset apart."""

    scores: Mapping[str, LabelScore]
    """By label, in the model's order, which is that of the confusion matrix too."""
    confusion: Confusion
    """Over all finished seeds."""


@dataclass(frozen=True)
class LabelTable:
    """A subset with its models that have a finished seed, in the order of the grid."""

    subset: Subset
    models: Mapping[str, Told]

    @property
    def labels(self) -> Sequence[str]:
        """Of any of the models: each may have been given labels of its own."""
        return list(dict.fromkeys(label for told in self.models.values() for label in told.scores))


def label_tables(test: Boxes) -> list[LabelTable]:
    """One for each subset with a finished cell, by labels, then samples."""
    done = {place: box for place, box in test.items() if box.done}
    return [
        LabelTable(subset, {model: _told(box) for (model, place), box in done.items() if place == subset})
        for subset in sorted({subset for _, subset in done})
    ]


def _told(box: Box) -> Told:
    by_label = zip(*(metrics.per_label for metrics in box.scores), strict=True)
    scores = {
        seeds[0].label: LabelScore(*(fmean(getattr(s, name) for s in seeds) for name in ("precision", "recall", "f1")))
        for seeds in by_label
    }
    return Told(scores, _shares(np.sum([metrics.confusion for metrics in box.scores], axis=0, dtype=float)))


def _shares(counts: NDArray[np.float64]) -> Confusion:
    of_each_label = counts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(counts, of_each_label, out=np.full_like(counts, np.nan), where=of_each_label > 0))
