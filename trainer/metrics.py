"""The study's four metrics as `evaluate` metrics that ship with the code.

`evaluate.load("accuracy")` fetches a script from the hub at run time; cells have no network. These are the same
scikit-learn functions behind the same interface.
"""

from typing import Any

import datasets
import evaluate
from sklearn.metrics import accuracy_score, precision_recall_fscore_support


class Accuracy(evaluate.Metric):
    """Share of comments whose predicted label is the true one."""

    def _info(self) -> evaluate.MetricInfo:
        return _info("Share of predictions that are right.")

    def _compute(self, predictions: list[int], references: list[int]) -> dict[str, Any]:
        return {"accuracy": accuracy_score(references, predictions)}


class PerLabel(evaluate.Metric):
    """Precision, recall, F1 and support of each label; a ratio without a denominator counts as 0."""

    def _info(self) -> evaluate.MetricInfo:
        return _info("Precision, recall and F1 of each label.")

    def _compute(self, predictions: list[int], references: list[int], labels: list[int]) -> dict[str, Any]:
        columns = precision_recall_fscore_support(references, predictions, labels=labels, zero_division=0)
        return dict(zip(("precision", "recall", "f1", "support"), columns, strict=True))


def _info(description: str) -> evaluate.MetricInfo:
    features = datasets.Features({"predictions": datasets.Value("int32"), "references": datasets.Value("int32")})
    return evaluate.MetricInfo(description=description, citation="", features=features)
