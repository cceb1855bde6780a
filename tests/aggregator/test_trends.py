"""The sentences under Trends, read back and checked against the cells that they speak of."""

import re
from collections.abc import Callable, Sequence
from itertools import product
from math import log2
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from aggregator.findings.trends import data_size, interaction, label_complexity, model_comparison, robustness, trends
from contract.cell import MODELS, Cell
from contract.result import Success
from tests import factories
from tests.aggregator import study
from tests.aggregator.desk import Desk

LABELS, SAMPLES = (2, 4, 16), (800, 1600, 2400)
CELLS = [
    Cell(model=model, labels=labels, samples=samples, seed=seed)
    for model, labels, samples, seed in product(("qwen2.5", "gemma3", "bert"), LABELS, SAMPLES, (0, 1))
]
ACCURACIES = st.dictionaries(st.sampled_from(CELLS), st.integers(0, 1000).map(lambda tenths: tenths / 10), max_size=30)
"""Cell -> test accuracy in percent; cells are missing at random."""
EFFECT = re.compile(
    r"(?P<told>Cannot be told: )?[Ww]ith each doubling of the (?:labels|samples) "
    r"(?:accuracy above chance|the gain from doubling the samples) "
    r"(?P<way>rises by|falls by|grows by|shrinks by|changes by) (?P<mean>[+-]?[\d.]+) points "
    r"\(95 % interval (?P<low>[+-]?[\d.]+) to (?P<high>[+-]?[\d.]+), Student's t over (?P<units>\d) (?P<unit>\w+?)s\)\."
)
TEMPLATE = factories.success(factories.task())
many = settings(max_examples=60)


def finished(accuracies: dict[Cell, float], *, random_weights: bool = False) -> list[Success]:
    """One success a cell; accuracies in percent."""
    return [
        TEMPLATE.model_copy(
            update={
                "cell": cell,
                "random_weights": random_weights,
                "test": TEMPLATE.test.model_copy(update={"accuracy": percent / 100}),
            }
        )
        for cell, percent in accuracies.items()
    ]


def changes(accuracies: dict[Cell, float], coordinate: str, low: int, high: int) -> list[float]:
    """Of every cell at `low` that has a twin at `high`."""
    found = []
    for cell, percent in accuracies.items():
        twin = cell.model_copy(update={coordinate: high})
        if getattr(cell, coordinate) == low and twin in accuracies:
            found.append(accuracies[twin] - percent)
    return found


def above_chance(cell: Cell, percent: float) -> float:
    return (percent - 100 / cell.labels) / (1 - 1 / cell.labels)


Term = Callable[[Cell], float]
Levels = Callable[[Cell], object]
TERMS: dict[str, tuple[Term, list[Levels]]] = {
    "labels": (lambda c: log2(c.labels), [lambda c: (c.model, c.samples, c.seed)]),
    "samples": (lambda c: log2(c.samples), [lambda c: (c.model, c.labels, c.seed)]),
    "interaction": (
        lambda c: log2(c.labels) * log2(c.samples),
        [lambda c: (c.model, c.samples, c.seed), lambda c: (c.model, c.labels, c.seed)],
    ),
}
MAKERS = {"labels": label_complexity, "samples": data_size, "interaction": interaction}


def coefficient(accuracies: dict[Cell, float], term: Term, levels: Sequence[Levels]) -> float | None:
    """Of `term` in a least squares fit that has a constant for each level; None when it is not determined."""
    dummies = [[float(of(c) == level) for c in accuracies] for of in levels for level in {of(c) for c in accuracies}]
    design = np.array([[term(c) for c in accuracies], *dummies]).T
    if np.linalg.matrix_rank(design) == np.linalg.matrix_rank(design[:, 1:]):
        return None
    return float(np.linalg.lstsq(design, np.array([above_chance(c, p) for c, p in accuracies.items()]))[0][0])


@many
@pytest.mark.parametrize("name", TERMS)
@given(accuracies=ACCURACIES)
def test_an_effect_is_the_mean_of_its_units_coefficients_with_their_t_interval(
    name: str, accuracies: dict[Cell, float]
):
    sentence = MAKERS[name](finished(accuracies)).sentence
    told = EFFECT.match(sentence)
    slopes: dict[str, list[float]] = {}
    for unit in ("model", "seed"):
        for level in {getattr(c, unit) for c in accuracies}:
            own = {c: p for c, p in accuracies.items() if getattr(c, unit) == level}
            slope = coefficient(own, *TERMS[name])
            slopes.setdefault(unit, []).extend([] if slope is None else [slope])
    if told is None:
        assert sentence.startswith("Cannot be told: ")
        chosen = max(slopes.values(), key=len, default=[])
        assert len(chosen) < 2 or np.ptp(chosen) < 1e-6
        return
    found = slopes[told["unit"]]
    assert len(found) == int(told["units"]) == max(map(len, slopes.values()))
    expected = stats.ttest_1samp(found, 0)
    interval = sorted(expected.confidence_interval(0.95))
    if told["told"]:
        assert expected.pvalue >= 0.0499
        assert float(told["mean"]) == pytest.approx(fmean(found), abs=0.051)
    else:
        assert expected.pvalue < 0.0501
        assert (told["way"] in ("rises by", "grows by")) == (fmean(found) > 0)
        assert float(told["mean"]) == pytest.approx(abs(fmean(found)), abs=0.051)
        interval = sorted(map(abs, interval))
    assert (float(told["low"]), float(told["high"])) == pytest.approx(interval, abs=0.051, rel=1e-6)


@many
@given(accuracies=ACCURACIES)
def test_each_step_compares_like_with_like(accuracies: dict[Cell, float]):
    for span, low, high, change, pairs in label_complexity(finished(accuracies)).rows:
        start, _, end = span.partition(" to ")
        expected = changes(accuracies, "labels", int(start), int(end))
        assert int(pairs) == len(expected)
        if expected:
            assert float(change) == pytest.approx(fmean(expected), abs=0.051)
            assert float(high) - float(low) == pytest.approx(float(change), abs=0.151)
        else:
            assert (low, high, change) == ("", "", "")


@many
@given(accuracies=ACCURACIES)
def test_models_are_ranked_on_what_all_of_them_finished(accuracies: dict[Cell, float]):
    trend = model_comparison(finished(accuracies), {})
    models = {cell.model for cell in accuracies}
    places = [{(c.labels, c.samples, c.seed) for c in accuracies if c.model == model} for model in models]
    common = set.intersection(*places) if places else set()
    if len(models) < 2 or not common:
        assert trend.sentence.startswith("Cannot be told: ")
        return
    means = {
        MODELS[model].title: fmean(accuracies[Cell(model=model, labels=k, samples=n, seed=s)] for k, n, s in common)
        for model in models
    }
    assert trend.sentence.startswith(f"Over {len(common)} cell")
    assert {row[0]: float(row[1]) for row in trend.rows} == pytest.approx(means, abs=0.051)
    highest = re.search(
        r"finished, (.*?) has the highest mean test accuracy, ([\d.]+) %, but it cannot", trend.sentence
    )
    assert highest
    assert float(highest[2]) == pytest.approx(max(means.values()), abs=0.051)
    assert means[highest[1]] == pytest.approx(max(means.values()))


@many
@given(accuracies=ACCURACIES, plumbing=ACCURACIES)
def test_random_weights_are_left_out_beside_others_and_said(accuracies: dict[Cell, float], plumbing: dict[Cell, float]):
    mixed = trends(finished(accuracies) + finished(plumbing, random_weights=True), {})
    if accuracies:
        assert mixed.each == trends(finished(accuracies), {}).each
        assert (f"{len(plumbing)} with random weights left out" in mixed.basis) == bool(plumbing)
    elif plumbing:
        assert mixed.each == trends(finished(plumbing), {}).each
        assert mixed.basis.startswith("Only cells with random weights have finished")
    else:
        assert mixed.basis == "No cell has finished."


def cell(model: str, labels: int, samples: int, seed: int = 0) -> Cell:
    return Cell(model=model, labels=labels, samples=samples, seed=seed)


class TestByHand:
    """Small cases whose sentences can be read."""

    def test_the_study_s_trends(self):
        """Above chance qwen2.5 falls from 80 to 60, bert from 50 to 34: -18 +- 12.706 * 2 (t, 1 degree)."""
        successes = finished(
            {
                cell("qwen2.5", 2, 800): 90.0,
                cell("qwen2.5", 4, 800): 70.0,
                cell("bert", 2, 800): 75.0,
                cell("bert", 4, 800): 50.5,
            }
        )
        assert label_complexity(successes).sentence == (
            "Cannot be told: with each doubling of the labels accuracy above chance changes by -18.0 points "
            "(95 % interval -43.4 to +7.4, Student's t over 2 models)."
        )

    def test_a_model_that_is_alone_at_one_end_does_not_bend_the_trend(self):
        """The weak model has 2 labels only: a plain mean per label count would show a rise."""
        successes = finished({cell("qwen2.5", 2, 800): 90.0, cell("qwen2.5", 4, 800): 77.5, cell("bert", 2, 800): 50.0})
        assert label_complexity(successes).sentence == (
            "Cannot be told: with each doubling of the labels accuracy above chance changes by -10.0 points, "
            "but 1 model shows no spread to judge that by."
        )
        assert label_complexity(successes).rows == (("2 to 4", "90.0", "77.5", "-12.5", "1"),)

    def test_one_model_is_told_by_its_seeds(self):
        successes = finished(
            {cell("bert", 2, n, seed): 60.0 + seed + 5 * (n == 1600) for n in (800, 1600) for seed in range(4)}
            | {cell("bert", 2, 1600, 0): 65.2}
        )
        assert data_size(successes).sentence == (
            "With each doubling of the samples accuracy above chance rises by 10.1 points "
            "(95 % interval 9.8 to 10.4, Student's t over 4 seeds)."
        )

    def test_two_models_that_agree_to_the_last_digit_are_no_certainty(self):
        successes = finished({cell(m, 2, n): n / 40 for m in ("bert", "qwen2.5") for n in (800, 1600)})
        assert data_size(successes).sentence.endswith("but 2 models show no spread to judge that by.")

    def test_cells_of_other_settings_make_no_pair(self):
        """The larger subset was trained longer: its gain is not one of data."""
        small, large = finished({cell("bert", 2, 800): 60.0, cell("bert", 2, 1600): 90.0})
        longer = large.model_copy(update={"fingerprint_fields": large.fingerprint_fields | {"hyper.epochs": 50}})
        assert data_size([small, longer]).sentence == "Cannot be told: no finished cells differ in this alone."
        assert "changes by +60.0 points, but 1 model shows no spread" in data_size([small, large]).sentence

    def test_models_of_other_settings_are_compared_and_said_to_be(self):
        one, other = finished({cell("qwen2.5", 2, 800): 90.0, cell("bert", 2, 800): 80.0})
        longer = other.model_copy(update={"fingerprint_fields": other.fingerprint_fields | {"hyper.epochs": 50}})
        assert model_comparison([one, longer], {}).sentence.endswith("Their settings differ in hyper.epochs.")
        real = other.model_copy(update={"fingerprint_fields": other.fingerprint_fields | {"data.revision": "hub"}})
        assert model_comparison([one, real], {}).sentence.startswith("Cannot be told")

    @pytest.mark.parametrize("make", [label_complexity, data_size, interaction])
    def test_one_cell_tells_nothing(self, make: Callable[[list[Success]], object]):
        assert "no finished cells differ" in str(make(finished({cell("bert", 2, 800): 90.0})))

    def test_robustness_needs_two_numbers_of_labels(self):
        successes = finished({cell("bert", 2, 800): 90.0, cell("qwen2.5", 2, 800): 80.0})
        assert robustness(successes, {}).sentence.startswith("Cannot be told: no size and seed")
        assert robustness(successes[:1], {}).sentence.startswith("Cannot be told: fewer than two models")


class TestRankings:
    """Models over all cells that they share, on the comments that they share."""

    def fill(self, desk: Desk, answers: Callable[[Cell, NDArray[np.float64]], NDArray[np.bool_]]) -> None:
        """`answers` gets the hardness of 60 comments of each label, shared by all cells of a label count."""
        desk.grid(models=["gemma3", "bert"], labels=[2, 4], samples=[800, 1600], seeds=[0, 1])
        for task in desk.tasks:
            hardness = np.random.default_rng(task.cell.labels).random((task.cell.labels, 60))
            right = answers(task.cell, hardness)
            factories.publish(desk.store, study.answered(desk.store, factories.success(task), right))
        desk.report()

    def sentence(self, desk: Desk, name: str) -> str:
        (found,) = re.findall(rf"^\*\*{name}\.\*\* (.*)$", desk.text("results.md"), re.MULTILINE)
        return str(found)

    def test_a_model_that_is_better_everywhere_is_told_apart(self, desk: Desk):
        self.fill(desk, lambda cell, hardness: hardness < (0.9 if cell.model == "bert" else 0.6))
        assert re.fullmatch(
            r"Over 8 cells that each of 2 models finished, BERT \(110M\) has the highest mean test accuracy, "
            r"\d\d\.\d %, told apart from the other\.",
            self.sentence(desk, "Models"),
        )
        assert re.fullmatch(
            r"At 4 labels BERT \(110M\) has most accuracy above chance left, \d\d\.\d points of its \d\d\.\d at 2, "
            r"told apart from the other\.",
            self.sentence(desk, "Robustness"),
        )

    def test_a_model_that_is_better_in_one_cell_alone_is_not(self, desk: Desk):
        """One lucky training of eight lifts the mean; a test over answers alone would call that certain."""

        def lucky(cell: Cell, hardness: NDArray[np.float64]) -> NDArray[np.bool_]:
            own = np.random.default_rng([cell.samples, cell.seed, cell.model == "bert"]).random(hardness.shape)
            luck = 0.45 if (cell.model, cell.labels, cell.samples, cell.seed) == ("bert", 4, 800, 1) else 0
            return 0.7 * hardness + 0.3 * own < 0.5 + luck

        self.fill(desk, lucky)
        assert "BERT (110M) has the highest" in self.sentence(desk, "Models")
        assert self.sentence(desk, "Models").endswith("but it cannot be told from Gemma 3 (1B).")

    def test_a_model_that_never_differs_is_not_told_apart(self, desk: Desk):
        self.fill(desk, lambda _, hardness: hardness < 0.7)
        assert self.sentence(desk, "Models").endswith("but it cannot be told from BERT (110M).")


def test_both_pages_carry_the_sentences(desk: Desk):
    study.fill(desk.store, desk.tasks, damage=False)
    desk.report()
    markdown, page = desk.text("results.md"), desk.text("report.html").replace("&nbsp;", " ").replace("&#39;", "'")
    found = re.findall(r"^\*\*[^*]+\.\*\* (.*)$", markdown, re.MULTILINE)
    assert len(found) == 5
    assert all(sentence in page for sentence in found)
