"""Metrics against values worked out by hand, and without a network or a home folder."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import log_loss

from trainer.score import score

LABELS = ("joy", "sadness", "fear")


def certain(predicted: list[int], labels: int = 3) -> np.ndarray:
    """Probabilities that put 0.8 on the prediction."""
    probabilities = np.full((len(predicted), labels), 0.2 / (labels - 1))
    probabilities[np.arange(len(predicted)), predicted] = 0.8
    return probabilities


def test_by_hand():
    """joy: 2 of 3 found, none wrong. sadness: found once, once wrong. fear: never predicted, hence precision 0."""
    metrics = score([0, 0, 0, 1, 2], certain([0, 0, 1, 1, 0]), LABELS)
    assert metrics.accuracy == pytest.approx(3 / 5)
    joy, sadness, fear = metrics.per_label
    assert (joy.precision, joy.recall, joy.f1, joy.support) == pytest.approx((2 / 3, 2 / 3, 2 / 3, 3))
    assert (sadness.precision, sadness.recall, sadness.f1) == pytest.approx((1 / 2, 1, 2 / 3))
    assert (fear.precision, fear.recall, fear.f1, fear.support) == (0, 0, 0, 1)
    assert metrics.precision == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert metrics.recall == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert metrics.f1 == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert metrics.confusion == [[2, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_a_label_that_never_occurs_is_in_the_confusion_matrix():
    metrics = score([0, 1], certain([0, 1]), LABELS)
    assert metrics.confusion == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert [each.support for each in metrics.per_label] == [1, 1, 0]


def test_loss_is_the_mean_negative_log_likelihood():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), size=50)
    true = rng.integers(0, 3, 50).tolist()
    assert score(true, probabilities, LABELS).loss == pytest.approx(log_loss(true, probabilities, labels=[0, 1, 2]))


def test_ties_go_to_the_first_label():
    assert score([0], np.array([[0.4, 0.4, 0.2]]), LABELS).accuracy == 1


def test_needs_no_network_and_no_home(tmp_path: Path):
    """In a cell the home folder is read-only; here it is a file, so that nothing can be written below it."""
    (tmp_path / "home").write_text("")
    program = (
        "from trainer.score import score; import numpy as np; print(score([0, 1], np.eye(2), ('a', 'b')).accuracy)"
    )
    environ = dict(os.environ) | {"HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "1.0", done.stderr
