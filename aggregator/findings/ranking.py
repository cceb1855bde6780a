"""Models in the order of their mean over cells, and which of them can be told from the first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from aggregator.reading.predictions import Answers
from aggregator.statistics.inference import ALPHA, Estimate, crossed, holm


@dataclass(frozen=True)
class Rank:
    """A model's value, and how far it is behind the first."""

    model: str
    value: float
    behind: Estimate | None
    """The first's value less this one's; `p` is Holm's over all pairs. None for the first, and without answers."""

    @property
    def told_apart(self) -> bool:
        """Whether it is behind the first by more than luck."""
        return self.behind is not None and self.behind.p < ALPHA


def ranking(values: Mapping[str, float], answers: Mapping[str, Sequence[Answers]] | None, scale: float) -> list[Rank]:
    """The highest value first.

    `answers` are those of each model's cells, to the same comments in the same order, two cells at least to tell models
    apart; None where some are missing. `scale` leads from a difference of accuracies, 0..1, to one of values.
    """
    order = sorted(values, key=lambda model: -values[model])
    behind = _behind(order, answers, scale) if answers and len(answers[order[0]]) > 1 else {}
    return [Rank(model, values[model], behind.get(model)) for model in order]


def _behind(order: Sequence[str], answers: Mapping[str, Sequence[Answers]], scale: float) -> dict[str, Estimate]:
    asked = dict.fromkeys(comment for cell in answers[order[0]] for comment in cell.ids)
    columns = {comment: column for column, comment in enumerate(asked)}
    parts = {model: scale * _parts(answers[model], columns) for model in order}
    pairs = {(one, other): crossed(parts[one] - parts[other]) for one, other in combinations(order, 2)}
    adjusted = dict(zip(pairs, holm([estimate.p for estimate in pairs.values()]), strict=True))
    first = order[0]
    return {other: replace(pairs[first, other], p=adjusted[first, other]) for other in order[1:]}


def _parts(cells: Sequence[Answers], columns: Mapping[str, int]) -> NDArray[np.float64]:
    """Cells x comments: how much each answer adds to its cell's accuracy. A comment may stand in several test sets."""
    parts = np.zeros((len(cells), len(columns)))
    for row, answers in zip(parts, cells, strict=True):
        row[[columns[comment] for comment in answers.ids]] = answers.right / len(answers.ids)
    return parts
