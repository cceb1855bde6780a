"""The tests behind the report's words. Pure; every p-value is two-sided."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, stdtr, stdtrit

ALPHA = 0.05
"""Intervals cover 95 %; what has a smaller p-value is told apart."""


@dataclass(frozen=True)
class Estimate:
    """A mean, its 95 % interval, and the p-value of its being zero."""

    mean: float
    low: float
    high: float
    p: float


def student(values: Sequence[float]) -> Estimate:
    """Student's t over at least two independent values."""
    return _t(fmean(values), variance(values) / len(values), len(values) - 1)


def crossed(parts: NDArray[np.float64]) -> Estimate:
    """Student's t where both seeds and comments are a sample; `parts` is seeds x comments, two of each at least.

    What is estimated is the sum of a row, averaged over the rows. Its variance is the sum of that over rows and that
    over columns, its degrees of freedom are Satterthwaite's: this is min F' (Clark 1973, Journal of Verbal Learning
    and Verbal Behavior 12:335-359), which never claims too much precision.
    """
    rows, columns = parts.shape
    of_rows = float(parts.sum(axis=1).var(ddof=1)) / rows
    of_columns = float(parts.mean(axis=0).var(ddof=1)) * columns
    spread = of_rows**2 / (rows - 1) + of_columns**2 / (columns - 1)
    degrees = (of_rows + of_columns) ** 2 / spread if spread else 1.0
    return _t(float(parts.sum()) / rows, of_rows + of_columns, degrees)


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """P-value of McNemar's exact test (1947, Psychometrika 12:153-157): the same comments, right or wrong twice."""
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    fewer, either = min(only_first, only_second), only_first + only_second
    return min(1.0, 2 * float(bdtr(fewer, either, 0.5)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted for all being looked at (Holm 1979, Scandinavian Journal of Statistics 6:65-70), in their order."""
    adjusted, floor = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = floor
    return adjusted


def _t(mean: float, squared_error: float, degrees: float) -> Estimate:
    error = math.sqrt(squared_error)
    half = float(stdtrit(degrees, 1 - ALPHA / 2)) * error
    if not error:
        return Estimate(mean, mean, mean, p=0.0 if mean else 1.0)
    return Estimate(mean, mean - half, mean + half, p=2 * float(stdtr(degrees, -abs(mean) / error)))
