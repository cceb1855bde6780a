"""Models compared on the identical test comments: what the report says of each subset."""

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.keys import PREDICTIONS
from contract.task import Task
from tests import factories
from tests.aggregator import study
from tests.aggregator.desk import Desk
from tests.aggregator.test_page import Page
from tests.aggregator.test_pictures import words

HARDNESS = np.random.default_rng(0).random((2, 100))
"""Of 100 comments of each of two labels, shared by all cells of this file."""


def right(share: float, seed: int = 0) -> NDArray[np.bool_]:
    """Answers of which about `share` are right; a fifth of the hardness is the cell's own luck."""
    luck = np.random.default_rng([round(1000 * share), seed]).normal(size=HARDNESS.shape)
    return HARDNESS + 0.2 * luck < share


def discordant(only_first: int, only_second: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    first, second = np.ones((2, 100), dtype=bool), np.ones((2, 100), dtype=bool)
    second[0, :only_first] = False
    first[1, :only_second] = False
    return first, second


def finish(desk: Desk, task: Task, answers: NDArray[np.bool_]) -> None:
    factories.publish(desk.store, study.answered(desk.store, factories.success(task), answers))


def told(desk: Desk) -> str:
    """The one line on the one subset."""
    (line,) = re.findall(r"^- 2 labels x 800: (.*)$", desk.text("results.md"), re.MULTILINE)
    return str(line)


def pairs(desk: Desk) -> str:
    text = Page(desk.text("report.html")).text
    return text.split("All pairs of models")[1].split("Trends")[0]


@pytest.fixture
def column(desk: Desk) -> Desk:
    """Two models on one subset under one seed."""
    desk.grid(models=["gemma3", "bert"], labels=[2], samples=[800])
    return desk


@pytest.mark.parametrize(
    ("discordances", "p", "verdict"),
    [
        # Fagerland, Lydersen and Laake 2013, table 1, and Armitage and Berry 1994, p. 127: see test_inference.py.
        ((7, 1), "0.070", "Cannot be told: Gemma 3 (1B) and BERT (110M) do not differ by more than luck."),
        ((2, 12), "0.013", "BERT (110M) is best, told apart from the other."),
        ((0, 0), "1.000", "Cannot be told: Gemma 3 (1B) and BERT (110M) do not differ by more than luck."),
    ],
)
def test_one_seed_is_mcnemars_exact_test(column: Desk, discordances: tuple[int, int], p: str, verdict: str):
    for task, answers in zip(column.tasks, discordant(*discordances), strict=True):
        finish(column, task, answers)
    column.report()
    assert told(column) == verdict
    assert f" {p} 1" in pairs(column)
    assert "It compares two trainings, not two models" in column.text("results.md")


def test_a_family_is_corrected_for_its_size(desk: Desk):
    """12 against 2 is 0.013 alone and 0.039 among three pairs, of which one other is a tie."""
    desk.grid(models=["gemma3", "bert", "qwen2.5"], labels=[2], samples=[800])
    first, second = discordant(2, 12)
    for task, answers in zip(desk.tasks, (first, second, second), strict=True):
        finish(desk, task, answers)
    desk.report()
    assert pairs(desk).count(" 0.039 1") == 2
    assert told(desk) == "BERT (110M) is best, but cannot be told from Qwen 2.5 (1.5B)."


class TestSeveralSeeds:
    def fill(self, desk: Desk, shares: dict[str, tuple[float, float, float]]) -> None:
        desk.grid(models=list(shares), labels=[2], samples=[800], seeds=[0, 1, 2])
        for task in desk.tasks:
            finish(desk, task, right(shares[task.cell.model][task.cell.seed], task.cell.seed))
        desk.report()

    def test_what_every_seed_shows_is_told(self, desk: Desk):
        self.fill(desk, {"gemma3": (0.5, 0.52, 0.51), "bert": (0.8, 0.81, 0.79)})
        assert told(desk) == "BERT (110M) is best, told apart from the other."
        assert "min F'" in desk.text("results.md")

    def test_what_hangs_on_one_lucky_seed_is_not(self, desk: Desk):
        """Two of three seeds agree; McNemar over all answers would call 20 points over 600 answers certain."""
        self.fill(desk, {"gemma3": (0.5, 0.52, 0.51), "bert": (0.5, 0.51, 0.97)})
        assert told(desk) == "Cannot be told: BERT (110M) and Gemma 3 (1B) do not differ by more than luck."

    def test_only_shared_seeds_are_compared(self, desk: Desk):
        desk.grid(models=["gemma3", "bert"], labels=[2], samples=[800], seeds=[0, 1, 2])
        for task in desk.tasks:
            if (task.cell.model, task.cell.seed) != ("bert", 1):
                finish(desk, task, right(0.7))
        desk.report()
        assert re.search(r"Gemma 3 \(1B\) BERT \(110M\) \S+ \S+ to \S+ \S+ 2 ", pairs(desk))


class TestLeftOut:
    """What cannot be compared is said, with the reason."""

    def test_a_result_without_predictions(self, column: Desk):
        factories.publish(column.store, factories.success(column.tasks[0]))
        finish(column, column.tasks[1], right(0.7))
        assert column.report() == 0
        assert told(column) == (
            "Cannot be told: no two models can be compared. "
            "Gemma 3 (1B) is not compared: its result lists no predictions.csv. "
            "BERT (110M) is not compared: no other model answered the same comments."
        )

    def test_predictions_that_were_edited(self, column: Desk):
        for task in column.tasks:
            finish(column, task, right(0.7))
        key = next(key for key in column.store.list("attempts/bert") if key.endswith(PREDICTIONS))
        column.store.put(key, b"id,true,predicted\n")
        assert column.report() == 0
        assert f"{key} is not the file that the result lists" in told(column)

    def test_one_seed_without_predictions(self, desk: Desk):
        desk.grid(models=["gemma3", "bert"], labels=[2], samples=[800], seeds=[0, 1])
        factories.publish(desk.store, factories.success(desk.tasks[0]))
        for task in desk.tasks[1:]:
            finish(desk, task, right(0.7))
        desk.report()
        assert told(desk).endswith("A seed of Gemma 3 (1B) is not compared: its result lists no predictions.csv.")

    def test_cells_that_answered_other_comments(self, column: Desk):
        finish(column, column.tasks[0], right(0.7))
        finish(column, column.tasks[1], right(0.7)[:, :50])
        column.report()
        assert told(column).startswith("Cannot be told: no two models can be compared.")

    def test_a_model_of_random_weights_beside_a_pretrained_one(self, desk: Desk):
        desk.grid(
            models=["gemma3", "bert", "qwen2.5"],
            labels=[2],
            samples=[800],
            per_model={"bert": {"model": {"weights": "random"}}},
        )
        for task, share in zip(desk.tasks, (0.6, 0.95, 0.2), strict=True):
            finish(desk, task, right(share))
        desk.report()
        assert told(desk) == "Gemma 3 (1B) is best, told apart from the other."


def test_the_best_are_framed_on_test_alone(column: Desk):
    for task, share in zip(column.tasks, (0.5, 0.9), strict=True):
        finish(column, task, right(share))
    column.report("--figures")
    assert "framed: best, or not told from it" in words(column.text("heatmap-test.svg"))
    assert "framed: best, or not told from it" not in words(column.text("heatmap.svg"))
    assert re.findall(r"^\| (.*\)) \| 2 .*\| best \|$", column.text("results.md"), re.MULTILINE) == ["BERT (110M)"]
