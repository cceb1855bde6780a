"""The sentences under Trends, read back and checked against the cells that they speak of."""

import re
from itertools import combinations, product
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.trends import data_size, interaction, label_complexity, model_comparison, trends
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
    r"From (?P<low>\d+) to (?P<high>\d+) (?:labels|samples) test accuracy "
    r"(?:(?P<way>rises|falls) by (?P<mean>[\d.]+) points|does not change) on average "
    r"\((?P<pairs>\d+) pairs? of cells, (?P<least>[+-][\d.]+) to (?P<most>[+-][\d.]+)\)"
)
TEMPLATE = factories.success(factories.task())
many = settings(max_examples=60, deadline=None)


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


@many
@pytest.mark.parametrize(("coordinate", "values"), [("labels", LABELS), ("samples", SAMPLES)])
@given(accuracies=ACCURACIES)
def test_an_effect_is_that_of_the_widest_span_with_pairs(
    coordinate: str, values: tuple[int, ...], accuracies: dict[Cell, float]
):
    make = label_complexity if coordinate == "labels" else data_size
    trend = make(finished(accuracies))
    spans = {span: changes(accuracies, coordinate, *span) for span in combinations(values, 2)}
    told = EFFECT.match(trend.sentence)
    if told is None:
        assert trend.sentence == f"Cannot be told: no two finished cells differ in {coordinate} alone."
        assert not any(spans.values())
        return
    span = int(told["low"]), int(told["high"])
    assert span == max((span for span in spans if spans[span]), key=lambda span: span[1] / span[0])
    expected = spans[span]
    signed = {"rises": 1, "falls": -1, None: 0}[told["way"]] * float(told["mean"] or 0)
    assert signed == pytest.approx(fmean(expected), abs=0.051)
    assert int(told["pairs"]) == len(expected)
    assert float(told["least"]) == pytest.approx(min(expected), abs=0.051)
    assert float(told["most"]) == pytest.approx(max(expected), abs=0.051)


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
    trend = model_comparison(finished(accuracies))
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
    assert {title: float(mean) for title, mean in trend.rows} == pytest.approx(means, abs=0.051)
    if highest := re.search(r"finished, (.*?) (?:has|have) the highest mean test accuracy, ([\d.]+) %", trend.sentence):
        assert float(highest[2]) == pytest.approx(max(means.values()), abs=0.051)
        assert all(means[title] >= max(means.values()) - 0.11 for title in highest[1].split(" and "))
    else:
        assert max(means.values()) - min(means.values()) < 0.11


@many
@given(accuracies=ACCURACIES)
def test_the_interaction_is_that_of_models_and_seeds_with_all_four_corners(accuracies: dict[Cell, float]):
    trend = interaction(finished(accuracies))
    told = re.match(
        r"From (\d+) to (\d+) samples test accuracy changes by (\S+) points at (\d+) labels and by (\S+) at (\d+) "
        r"\((\d+) pairs? each\): with more labels the gain from data is (?:(larger|smaller) by (\S+) points|the same)",
        trend.sentence,
    )
    corners = {
        (labels, samples): whole_squares(accuracies, labels, samples)
        for labels in combinations(LABELS, 2)
        for samples in combinations(SAMPLES, 2)
    }
    if told is None:
        assert trend.sentence.startswith("Cannot be told: ")
        assert not any(corners.values())
        return
    gains = corners[(int(told[4]), int(told[6])), (int(told[1]), int(told[2]))]
    few, many_labels = fmean(gain[0] for gain in gains), fmean(gain[1] for gain in gains)
    assert int(told[7]) == len(gains)
    assert float(told[3]) == pytest.approx(few, abs=0.051)
    assert float(told[5]) == pytest.approx(many_labels, abs=0.051)
    signed = {"larger": 1, "smaller": -1, None: 0}[told[8]] * float(told[9] or 0)
    assert signed == pytest.approx(many_labels - few, abs=0.051)


def whole_squares(
    accuracies: dict[Cell, float], labels: tuple[int, int], samples: tuple[int, int]
) -> list[tuple[float, float]]:
    """Gain from data at few and at many labels, of every model and seed that has all four cells."""
    found = []
    for model, seed in {(cell.model, cell.seed) for cell in accuracies}:
        corner = {
            (k, n): accuracies.get(Cell(model=model, labels=k, samples=n, seed=seed)) for k in labels for n in samples
        }
        (a, b), (c, d) = ([corner[k, n] for n in samples] for k in labels)
        if a is not None and b is not None and c is not None and d is not None:
            found.append((b - a, d - c))
    return found


@many
@given(accuracies=ACCURACIES, plumbing=ACCURACIES)
def test_random_weights_are_left_out_beside_others_and_said(accuracies: dict[Cell, float], plumbing: dict[Cell, float]):
    mixed = trends(finished(accuracies) + finished(plumbing, random_weights=True))
    if accuracies:
        assert mixed.each == trends(finished(accuracies)).each
        assert (f"{len(plumbing)} with random weights left out" in mixed.basis) == bool(plumbing)
    elif plumbing:
        assert mixed.each == trends(finished(plumbing)).each
        assert mixed.basis.startswith("Only cells with random weights have finished")
    else:
        assert mixed.basis == "No cell has finished."


def cell(model: str, labels: int, samples: int) -> Cell:
    return Cell(model=model, labels=labels, samples=samples)


class TestByHand:
    """Small cases whose sentences can be read."""

    def test_the_study_s_four(self):
        successes = finished(
            {
                cell("bert", 2, 800): 90.0,
                cell("bert", 2, 2400): 95.0,
                cell("bert", 16, 800): 20.0,
                cell("bert", 16, 2400): 40.0,
                cell("qwen2.5", 2, 800): 96.0,
            }
        )
        assert label_complexity(successes).sentence == (
            "From 2 to 16 labels test accuracy falls by 62.5 points on average (2 pairs of cells, -70.0 to -55.0). "
            "Guessing alone falls from 50.0 % to 6.2 %."
        )
        assert data_size(successes).sentence == (
            "From 800 to 2400 samples test accuracy rises by 12.5 points on average (2 pairs of cells, +5.0 to +20.0)."
        )
        assert model_comparison(successes).sentence == (
            "Over 1 cell that each of 2 models finished, Qwen 2.5 (1.5B) has the highest mean test accuracy, 96.0 %, "
            "and BERT (110M) has the lowest, 90.0 %."
        )
        assert interaction(successes).sentence == (
            "From 800 to 2400 samples test accuracy changes by +5.0 points at 2 labels and by +20.0 at 16 "
            "(1 pair each): with more labels the gain from data is larger by 15.0 points."
        )

    def test_a_model_that_is_alone_at_one_end_does_not_bend_the_trend(self):
        """The weak model has 2 labels only: a plain mean per label count would show a rise."""
        successes = finished(
            {cell("qwen2.5", 2, 800): 90.0, cell("qwen2.5", 16, 800): 80.0, cell("bert", 2, 800): 50.0}
        )
        assert "falls by 10.0 points" in label_complexity(successes).sentence
        assert label_complexity(successes).rows == (("2 to 16", "90.0", "80.0", "-10.0", "1"),)

    def test_equals_share_a_rank(self):
        successes = finished({cell("qwen2.5", 2, 800): 90.0, cell("gemma3", 2, 800): 90.0, cell("bert", 2, 800): 70.0})
        assert "Qwen 2.5 (1.5B) and Gemma 3 (1B) have the highest" in model_comparison(successes).sentence
        assert "all have the same mean test accuracy, 90.0 %" in model_comparison(successes[:2]).sentence

    def test_cells_of_other_settings_make_no_pair(self):
        """The larger subset was trained longer: its gain is not one of data."""
        small, large = finished({cell("bert", 2, 800): 60.0, cell("bert", 2, 2400): 90.0})
        longer = large.model_copy(update={"fingerprint_fields": large.fingerprint_fields | {"hyper.epochs": 50}})
        assert data_size([small, longer]).sentence.startswith("Cannot be told")
        assert "rises by 30.0 points" in data_size([small, large]).sentence

    def test_models_of_other_settings_are_compared_and_said_to_be(self):
        one, other = finished({cell("qwen2.5", 2, 800): 90.0, cell("bert", 2, 800): 80.0})
        longer = other.model_copy(update={"fingerprint_fields": other.fingerprint_fields | {"hyper.epochs": 50}})
        assert model_comparison([one, longer]).sentence.endswith("80.0 %. Their settings differ in hyper.epochs.")
        real = other.model_copy(update={"fingerprint_fields": other.fingerprint_fields | {"data.revision": "hub"}})
        assert model_comparison([one, real]).sentence.startswith("Cannot be told")

    def test_one_size_tells_nothing_about_size(self):
        successes = finished({cell("bert", 2, 800): 90.0, cell("bert", 4, 800): 60.0})
        assert data_size(successes).sentence == "Cannot be told: no two finished cells differ in samples alone."
        assert interaction(successes).sentence.startswith("Cannot be told")


def test_both_pages_carry_the_sentences(desk: Desk):
    study.fill(desk.store, desk.tasks, damage=False)
    desk.report()
    markdown, page = desk.text("results.md"), desk.text("report.html").replace("&nbsp;", " ")
    found = re.findall(r"^\*\*[^*]+\*\* (From .*|Over .*)$", markdown, re.MULTILINE)
    assert len(found) == 4
    assert all(sentence in page for sentence in found)
