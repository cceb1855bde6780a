"""The numbers of each model on each subset, and what can be had without a model."""

from collections.abc import Sequence
from dataclasses import dataclass

from aggregator.findings.box_intervals import Interval, bootstrapped, interval
from aggregator.findings.paired import Family, best_places
from aggregator.outcomes.boxes import Boxes, Subset
from aggregator.reading.predictions import Predictions


@dataclass(frozen=True)
class Headline:
    """Means over the finished seeds, 0..1; precision, recall and F1 are macro averages on test."""

    model: str
    subset: Subset
    validation: float
    test: float
    interval: Interval
    """Of the test accuracy: over seeds, or for one seed over comments."""
    both: Interval | None
    """Of the test accuracy: over seeds and comments together, where several seeds left their answers."""
    precision: float
    recall: float
    f1: float
    best: bool
    """Best of its column, or not to be told from the best."""


@dataclass(frozen=True)
class Baseline:
    """Test accuracies in 0..1 that need no model."""

    labels: int
    guessing: float
    majority: float
    """Of always naming the most frequent label."""


def headlines(validation: Boxes, test: Boxes, predictions: Predictions, families: Sequence[Family]) -> list[Headline]:
    """One for each model and subset with a finished seed, in the order of the grid."""
    best = best_places(families)
    return [
        Headline(
            model=place[0],
            subset=place[1],
            validation=validation[place].mean_of("accuracy"),
            test=box.mean_of("accuracy"),
            interval=interval(box),
            both=bootstrapped(box, predictions),
            precision=box.mean_of("precision"),
            recall=box.mean_of("recall"),
            f1=box.mean_of("f1"),
            best=place in best,
        )
        for place, box in test.items()
        if box.done
    ]


def baselines(test: Boxes) -> list[Baseline]:
    """One for each number of labels with a finished cell."""
    majority = {subset.labels: box.majority for (_, subset), box in test.items() if box.done}
    return [Baseline(labels, 1 / labels, share) for labels, share in sorted(majority.items())]
