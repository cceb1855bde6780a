"""How accuracy above chance changes with labels and samples: a slope for each model or seed, then a t-test over them.

Summarising each unit by its slope and testing the slopes is the method of Matthews et al. 1990 (BMJ 300:230-235). What
differs between units, luck of draw and training included, is then in the interval, even with one seed a cell.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aggregator.statistics.inference import Estimate, student
from contract.result import Success

_ROUNDING = 1e-9

Axis = Callable[[Success], float]
Group = Callable[[Success], Hashable]
Unit = Literal["model", "seed"]


@dataclass(frozen=True)
class Effect:
    """A slope, averaged over units; `estimate` has its interval, or is None where no two units differ."""

    mean: float
    estimate: Estimate | None
    unit: Unit
    units: int


def above_chance(success: Success) -> float:
    """Test accuracy on a scale where 0 is guessing and 100 perfect, whatever the number of labels.

    Bennett, Alpert and Goldstein 1954, Public Opinion Quarterly 18:303-308: S = (accuracy - 1/k) / (1 - 1/k).
    """
    chance = 1 / success.cell.labels
    return 100 * (success.test.accuracy - chance) / (1 - chance)


def doublings(coordinate: Literal["labels", "samples"]) -> Axis:
    """The coordinate's binary logarithm."""
    return lambda success: math.log2(getattr(success.cell, coordinate))


def effect(successes: Sequence[Success], x: Axis, *groupings: Group) -> Effect | None:
    """The slope of accuracy above chance on `x` within groups; None where no group has two values of `x`.

    The unit is the model, or the seed where there are more seeds than models.
    """
    found = (_effect(successes, x, groupings, unit) for unit in ("model", "seed"))
    return max((effect for effect in found if effect), key=lambda effect: effect.units, default=None)


def _effect(successes: Sequence[Success], x: Axis, groupings: Sequence[Group], unit: Unit) -> Effect | None:
    levels = dict.fromkeys(getattr(success.cell, unit) for success in successes)
    members = ([success for success in successes if getattr(success.cell, unit) == level] for level in levels)
    slopes = [slope for own in members if (slope := _slope(own, x, groupings)) is not None]
    if not slopes:
        return None
    spread = max(slopes) - min(slopes)
    return Effect(fmean(slopes), student(slopes) if spread > _ROUNDING else None, unit, len(slopes))


def _slope(successes: Sequence[Success], x: Axis, groupings: Sequence[Group]) -> float | None:
    levels = np.hstack([_indicators([group(success) for success in successes]) for group in groupings])
    return partial_slope([x(success) for success in successes], [above_chance(s) for s in successes], levels)


def partial_slope(x: Sequence[float], y: Sequence[float], levels: NDArray[np.float64]) -> float | None:
    """Least squares of y on x beside `levels`, rows x columns; None where these leave nothing of x.

    By the theorem of Frisch, Waugh and Lovell it is the slope on what is left of x once `levels` are fitted to it.
    """
    values = np.array(x)
    rest = values - levels @ np.linalg.lstsq(levels, values)[0]
    if rest @ rest <= _ROUNDING * (values @ values):
        return None
    return float(rest @ np.array(y) / (rest @ rest))


def _indicators(groups: Sequence[Hashable]) -> NDArray[np.float64]:
    columns = {group: column for column, group in enumerate(dict.fromkeys(groups))}
    return np.eye(len(columns))[[columns[group] for group in groups]]
