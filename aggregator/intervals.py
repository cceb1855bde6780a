"""95 % intervals of an accuracy."""

import math

from scipy.special import ndtri, stdtrit

_TAIL = 0.975


def wilson(right: int, comments: int) -> tuple[float, float]:
    """Of one seed: Wilson's score interval for `right` of `comments` (Wilson 1927), both ends in 0..1."""
    z = float(ndtri(_TAIL))
    share, spread = right / comments, z * z / comments
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / comments + spread / (4 * comments))
    return max(0.0, centre - half), min(1.0, centre + half)


def over_seeds(accuracies: tuple[float, ...]) -> tuple[float, float]:
    """Of at least two seeds: Student's t-interval of their mean, cut to 0..1."""
    n = len(accuracies)
    mean = sum(accuracies) / n
    variance = sum((value - mean) ** 2 for value in accuracies) / (n - 1)
    half = float(stdtrit(n - 1, _TAIL)) * math.sqrt(variance / n)
    return max(0.0, mean - half), min(1.0, mean + half)
