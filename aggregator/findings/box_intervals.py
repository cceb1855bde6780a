"""95 % intervals of a box's test accuracy. Validation accuracy chose its checkpoint, so it is biased and gets none."""

from dataclasses import dataclass

import numpy as np

from aggregator.outcomes.boxes import Box
from aggregator.reading.predictions import Answers, Predictions
from aggregator.statistics.intervals import over_comments, over_seeds
from aggregator.statistics.resample import draw_seeds, percentiles


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
    return Interval(*over_comments(accuracies[0], comments), f"{alike}, Wilson over {comments} comments")


def bootstrapped(box: Box, predictions: Predictions) -> Interval | None:
    """Over seeds and comments together; None for one seed, and where a seed's answers cannot be used or never vary."""
    answers = [predictions[success.fingerprint] for success in box.done]
    usable = [found for found in answers if isinstance(found, Answers)]
    if len(usable) < max(2, len(answers)) or len({found.ids for found in usable}) > 1:
        return None
    means = draw_seeds(np.array([found.resampled for found in usable]))
    return Interval(*percentiles(means), f"{len(usable)} seeds, bootstrap") if np.ptp(means) else None
