"""95 % intervals of shares."""

import math
from collections.abc import Sequence
from statistics import NormalDist

from aggregator.statistics.inference import student

_UPPER = 0.975


def wilson(right: float, comments: int) -> tuple[float, float]:
    """Wilson's score interval for `right` of `comments` (Wilson 1927, JASA 22:209-212), both ends in 0..1."""
    z = NormalDist().inv_cdf(_UPPER)
    share, spread = right / comments, z * z / comments
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / comments + spread / (4 * comments))
    return max(0.0, centre - half), min(1.0, centre + half)


def newcombe(first: float, first_comments: int, second: float, second_comments: int) -> tuple[float, float]:
    """Interval of one accuracy less another, each in 0..1 on comments of its own.

    Method 10 of Newcombe 1998, Statistics in Medicine 17:873-890.
    """
    first_low, first_high = wilson(first * first_comments, first_comments)
    second_low, second_high = wilson(second * second_comments, second_comments)
    down, up = math.hypot(first - first_low, second_high - second), math.hypot(first_high - first, second - second_low)
    return first - second - down, first - second + up


def over_comments(accuracy: float, comments: int) -> tuple[float, float]:
    """Wilson's interval of one cell's accuracy, which is a whole number of right answers."""
    return wilson(round(accuracy * comments), comments)


def over_seeds(accuracies: Sequence[float]) -> tuple[float, float]:
    """Student's t-interval of the mean of at least two accuracies, cut to 0..1."""
    found = student(accuracies)
    return max(0.0, found.low), min(1.0, found.high)
