"""95 % intervals of a test accuracy. Validation accuracy chose its checkpoint, so it is biased and gets none."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance

from aggregator.boxes import Box

_UPPER = 0.975


@dataclass(frozen=True)
class Interval:
    """Both ends in 0..1, and what the interval rests on, in words."""

    low: float
    high: float
    basis: str


def interval(box: Box) -> Interval | None:
    """Over the comments where one seed is done, over the seeds where several are; None where none is."""
    match box.accuracies, box.comments:
        case (), _:
            return None
        case (accuracy,), int(comments):
            return Interval(*wilson(round(accuracy * comments), comments), f"1 seed, Wilson over {comments} comments")
        case accuracies, _:
            return Interval(*over_seeds(accuracies), f"{len(accuracies)} seeds, Student's t")


def wilson(right: int, comments: int) -> tuple[float, float]:
    """Wilson's score interval for `right` of `comments` (Wilson 1927, JASA 22:209-212), both ends in 0..1."""
    z = NormalDist().inv_cdf(_UPPER)
    share, spread = right / comments, z * z / comments
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / comments + spread / (4 * comments))
    return max(0.0, centre - half), min(1.0, centre + half)


def over_seeds(accuracies: Sequence[float]) -> tuple[float, float]:
    """Student's t-interval of the mean of at least two accuracies, cut to 0..1."""
    from scipy.special import stdtrit  # costs 0.4 s, and most reports have one seed

    n, mean = len(accuracies), fmean(accuracies)
    half = float(stdtrit(n - 1, _UPPER)) * math.sqrt(variance(accuracies) / n)
    return max(0.0, mean - half), min(1.0, mean + half)
