"""Predictions to metrics. No torch in here."""

from functools import cache
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from contract.result import LabelMetrics, Metrics
from trainer.metrics import Accuracy, PerLabel


def score(true: list[int], probabilities: NDArray[np.float64], labels: tuple[str, ...]) -> Metrics:
    """Metrics of one split from true label positions and probabilities, comments x labels.

    The predicted label is the most probable one, the first of equals. Macro averages weigh each label alike; a label
    that was never predicted has precision 0. `loss` is the mean negative log likelihood of the true labels.
    """
    predicted = probabilities.argmax(axis=1).tolist()
    ids = list(range(len(labels)))
    accuracy, per_label = _metrics()
    overall = accuracy.compute(predictions=predicted, references=true)
    each = per_label.compute(predictions=predicted, references=true, labels=ids)
    columns = (each["precision"], each["recall"], each["f1"], each["support"])
    return Metrics(
        accuracy=float(overall["accuracy"]),
        precision=float(np.mean(each["precision"])),
        recall=float(np.mean(each["recall"])),
        f1=float(np.mean(each["f1"])),
        loss=negative_log_likelihood(true, probabilities),
        per_label=[
            LabelMetrics(label=name, precision=float(p), recall=float(r), f1=float(f), support=int(n))
            for name, p, r, f, n in zip(labels, *columns, strict=True)
        ],
        confusion=confusion_matrix(true, predicted, labels=ids).tolist(),
    )


def negative_log_likelihood(true: list[int], probabilities: NDArray[np.float64]) -> float:
    """Mean over comments of -ln p(true label), in nats."""
    of_truth = probabilities[np.arange(len(true)), true]
    return float(-np.log(np.maximum(of_truth, np.finfo(np.float64).tiny)).mean())


@cache
def _metrics() -> tuple[Accuracy, PerLabel]:
    # evaluate makes a cache folder even for metrics in memory, and only then; the home folder may be read-only.
    with TemporaryDirectory(prefix="metrics-") as folder:
        return Accuracy(keep_in_memory=True, cache_dir=folder), PerLabel(keep_in_memory=True, cache_dir=folder)
