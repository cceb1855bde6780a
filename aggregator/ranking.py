"""Models in order of a value that is summed over cells and comments, and who of them can be told from the first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from aggregator.inference import ALPHA, Estimate, crossed, holm
from aggregator.predictions import Answers

Share = tuple[float, Answers]
"""A cell's answers and the weight of its accuracy."""
Units = Sequence[Sequence[Share]]
"""One or more cells a unit; the same comments, in the same order of units, for every model."""


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


def ranking(values: Mapping[str, float], units: Mapping[str, Units] | None) -> list[Rank]:
    """The highest value first. `units` are None where answers are missing; two are needed to tell models apart."""
    order = sorted(values, key=lambda model: -values[model])
    behind = _behind(order, units) if units and len(units[order[0]]) > 1 else {}
    return [Rank(model, values[model], behind.get(model)) for model in order]


def _behind(order: Sequence[str], units: Mapping[str, Units]) -> dict[str, Estimate]:
    columns = {comment: i for i, comment in enumerate(_comments(units[order[0]]))}
    parts = {model: _parts(units[model], columns) for model in order}
    pairs = {(one, other): crossed(parts[one] - parts[other]) for one, other in combinations(order, 2)}
    adjusted = dict(zip(pairs, holm([estimate.p for estimate in pairs.values()]), strict=True))
    return {
        other: Estimate(found.mean, found.low, found.high, adjusted[one, other])
        for (one, other), found in pairs.items()
        if one == order[0]
    }


def _comments(units: Units) -> dict[str, None]:
    return dict.fromkeys(comment for shares in units for _, answers in shares for comment in answers.ids)


def _parts(units: Units, columns: Mapping[str, int]) -> NDArray[np.float64]:
    """Units x comments: how much each answer adds to the unit's value. A comment may stand in several test sets."""
    parts = np.zeros((len(units), len(columns)))
    for row, shares in zip(parts, units, strict=True):
        for weight, answers in shares:
            row[[columns[comment] for comment in answers.ids]] += weight * answers.right / len(answers.ids)
    return parts
