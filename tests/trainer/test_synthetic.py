"""Generated comments: repeatable, enough for every grid, and worth learning."""

import hashlib

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from contract.cell import EMOTIONS
from contract.revision import SYNTHETIC_VERSION
from tests.factories import task
from trainer.data import load
from trainer.synthetic import generate


def accuracy(labels: int, samples: int) -> float:
    """Test accuracy of a bag-of-words classifier."""
    dataset = load(task(cell={"model": "bert", "labels": labels, "samples": samples}))
    classifier = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10, max_iter=500))
    classifier.fit([c.text for c in dataset.train], [c.label for c in dataset.train])
    return classifier.score([c.text for c in dataset.test], [c.label for c in dataset.test])


def test_learnable_but_not_trivially():
    easy, hard = accuracy(2, 800), accuracy(16, 800)
    assert 0.8 < easy < 0.98
    assert 0.4 < hard < easy


@pytest.mark.parametrize("labels", [2, 16, 27])
def test_enough_for_the_largest_subset(labels: int):
    samples = 2400 - 2400 % labels
    dataset = load(task(cell={"model": "bert", "labels": labels, "samples": samples}))
    assert len(dataset.train) + len(dataset.validation) == samples
    assert len(dataset.test) >= 60 * labels


def test_the_same_texts_under_the_same_version():
    """A changed comment is another corpus: raise SYNTHETIC_VERSION and put the new digest here."""
    rows = [row for split in ("train", "test") for row in generate(split, EMOTIONS)]
    assert (SYNTHETIC_VERSION, hashlib.sha256(repr(rows).encode()).hexdigest()[:16]) == (1, "84b2e9de07d8da23")


def test_a_comment_reads_like_one():
    first = next(generate("train", ("joy",)))
    assert first == (
        "synthetic-train-joy-0000",
        "on my way home the other team in this town that guy so happy.",
        ("joy",),
    )
