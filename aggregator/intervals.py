"""95 % intervals of a test accuracy. Validation accuracy chose its checkpoint, so it is biased and gets none."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from aggregator.boxes import Box
from aggregator.inference import student
from aggregator.predictions import Answers, Predictions
from aggregator.resample import draw_seeds, percentiles

_UPPER = 0.975


@dataclass(frozen=True)
class Interval:
    """Both ends in 0..1, and what the interval rests on, in words."""

    low: float
    high: float
    basis: str


def interval(box: Box) -> Interval:
    """Over the seeds where several are done and differ, else over the comments; a seed must be done."""
    accuracies, comments = box.accuracies, box.comments
    if len(set(accuracies)) > 1:
        return Interval(*over_seeds(accuracies), f"{len(accuracies)} seeds, Student's t")
    alike = "1 seed" if len(accuracies) == 1 else f"{len(accuracies)} seeds, all alike"
    return Interval(*wilson(round(accuracies[0] * comments), comments), f"{alike}, Wilson over {comments} comments")


def bootstrapped(box: Box, predictions: Predictions) -> Interval | None:
    """Over seeds and comments together; None for one seed, and where a seed's answers cannot be used or never vary."""
    answers = [predictions[success.fingerprint] for success in box.done]
    usable = [found for found in answers if isinstance(found, Answers)]
    if len(usable) < max(2, len(answers)) or len({found.ids for found in usable}) > 1:
        return None
    means = draw_seeds(np.array([found.resampled for found in usable]))
    return Interval(*percentiles(means), f"{len(usable)} seeds, bootstrap") if np.ptp(means) else None


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


def over_seeds(accuracies: Sequence[float]) -> tuple[float, float]:
    """Student's t-interval of the mean of at least two accuracies, cut to 0..1."""
    found = student(accuracies)
    return max(0.0, found.low), min(1.0, found.high)
