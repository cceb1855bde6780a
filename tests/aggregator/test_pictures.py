"""What the drawings show. SVG keeps text as text, so the numbers and words in it can be read."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from aggregator.figures.shades import ink_on
from contract.store import Store
from contract.task import Task
from tests import factories
from tests.aggregator import study
from tests.aggregator.desk import PLUMBING, Desk

HEATMAPS = ("heatmap.svg", "heatmap-test.svg")
PICTURES = (
    *HEATMAPS,
    *(f"{name}.svg" for name in ("curves", "samples", "cost", "labels", "confusion-2", "confusion-4")),
)
UNIT = st.floats(min_value=0, max_value=1)


def words(svg: str) -> list[str]:
    """The texts of a drawing, in order."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def numbers(svg: str) -> list[str]:
    """The accuracies in a heatmap: they alone have one decimal."""
    return [word for word in words(svg) if re.fullmatch(r"\d+\.\d", word)]


def test_validation_and_test_accuracy_have_a_heatmap_each(desk: Desk):
    factories.publish(desk.store, factories.success(desk.tasks[0], validation=0.85, test=0.74))
    desk.report("--figures")
    assert numbers(desk.text("heatmap.svg")) == ["85.0"]
    assert numbers(desk.text("heatmap-test.svg")) == ["74.0"]
    assert words(desk.text("heatmap.svg"))[-2:] != words(desk.text("heatmap-test.svg"))[-2:]
    assert "Validation accuracy (%), as the study reports it" in words(desk.text("heatmap.svg"))
    assert any(word.startswith("Test accuracy (%)") for word in words(desk.text("heatmap-test.svg")))


def test_rows_are_models_and_columns_subsets_in_the_order_of_the_study(desk: Desk):
    desk.grid(labels=[16, 2], samples=[2400, 800])
    desk.report("--figures")
    found = words(desk.text("heatmap.svg"))
    assert [word for word in found if word in {"800", "2400"}] == ["800", "2400", "800", "2400"]
    assert [word for word in found if word.endswith(" labels")] == ["2 labels", "16 labels"]
    assert [word for word in found if word.endswith("B)") or word.endswith("M)")] == ["Gemma 3 (1B)", "BERT (110M)"]


def test_an_empty_store_is_drawn_without_a_single_number(desk: Desk):
    desk.report("--figures")
    for heatmap in HEATMAPS:
        assert numbers(desk.text(heatmap)) == []
        assert words(desk.text(heatmap)).count("missing") == 8


def test_zero_is_a_number_and_missing_is_not(desk: Desk):
    factories.publish(desk.store, factories.success(desk.tasks[0], validation=0.0))
    desk.report("--figures")
    assert numbers(desk.text("heatmap.svg")) == ["0.0"]
    assert words(desk.text("heatmap.svg")).count("missing") == 7


def hatch_of(svg: str) -> str | None:
    """Background and strokes of the pattern in a heatmap where every cell has the same status."""
    pattern = re.search(r"<pattern.*?</pattern>", svg, re.DOTALL)
    return re.sub(r'id="\w+"', "", pattern.group()) if pattern else None


def _lose(store: Store, task: Task) -> None:
    factories.publish(store, factories.progress(task, updated_at=datetime.now(UTC) - timedelta(hours=1)))


def test_what_is_no_result_looks_different_from_each_other(tmp_path: Path):
    publish: dict[str, Callable[[Store, Task], None]] = {
        "missing": lambda store, task: None,
        "failed": lambda store, task: factories.publish(store, factories.failure(task)),
        "running": lambda store, task: factories.publish(store, factories.progress(task)),
        "lost": _lose,
        "stale": study.age,
        "unreadable": study.cut,
    }
    hatches: dict[str, str | None] = {}
    for status, put in publish.items():
        desk = Desk(tmp_path / status)
        for task in desk.tasks:
            put(desk.store, task)
        desk.report("--figures")
        svg = desk.text("heatmap.svg")
        assert words(svg).count(status) == 8
        hatches[status] = hatch_of(svg)
    assert len(set(hatches.values())) == len(publish)
    assert hatches["missing"] is None


def test_a_failed_cell_says_why_in_a_word(desk: Desk):
    factories.publish(desk.store, factories.failure(desk.tasks[0]))
    factories.publish(desk.store, factories.pod_failure(desk.tasks[1]))
    desk.report()
    found = words(desk.text("heatmap.svg"))
    assert [word for word in found if word in {"non-finite-loss", "OOMKilled"}] == ["non-finite-loss", "OOMKilled"]


def test_a_mean_over_some_of_the_seeds_says_so(desk: Desk):
    desk.grid(models=["bert"], labels=[2], samples=[800], seeds=[0, 1, 2])
    for task, accuracy in zip(desk.tasks[:2], (0.7, 0.8), strict=True):
        factories.publish(desk.store, factories.success(task, validation=accuracy))
    factories.publish(desk.store, factories.failure(desk.tasks[2]))
    desk.report("--figures")
    assert numbers(desk.text("heatmap.svg")) == ["75.0"]
    assert "2/3 seeds" in words(desk.text("heatmap.svg"))
    assert "Validation accuracy (%), as the study reports it, mean over 3 seeds" in words(desk.text("heatmap.svg"))
    assert "(2/3 seeds)" in desk.text("results.md")


def test_a_mean_over_all_seeds_carries_no_such_mark(desk: Desk):
    desk.grid(models=["bert"], labels=[2], samples=[800], seeds=[0, 1])
    study.fill(desk.store, desk.tasks, damage=False)
    desk.report("--figures")
    assert not any("2 seeds" in word for word in words(desk.text("heatmap.svg")) if "/" in word)


def test_numbers_of_seeds_that_differ_are_said(desk: Desk):
    desk.grid(seeds=[0, 1], exclude=[{"model": "bert", "seed": 1}])
    study.fill(desk.store, desk.tasks, damage=False)
    desk.report("--figures")
    assert any(word.endswith("mean over 1 to 2 seeds") for word in words(desk.text("heatmap.svg")))
    assert "/2 seeds" not in desk.text("heatmap.svg")


def test_a_subset_that_was_not_asked_for_is_blank(desk: Desk):
    desk.grid(exclude=[{"model": "bert", "labels": 4}])
    desk.report("--figures")
    assert words(desk.text("heatmap.svg")).count("missing") == 6
    assert "not asked for" in desk.text("results.md")


def test_every_picture_carries_the_mark_of_plumbing(desk: Desk):
    desk.grid(**PLUMBING)
    study.fill(desk.store, desk.tasks, damage=False)
    desk.report("--figures")
    for picture in PICTURES:
        found = words(desk.text(picture))
        assert any(word.startswith("RANDOM WEIGHTS - plumbing, not results") for word in found)
        assert any(word.startswith("SYNTHETIC DATA") for word in found)
        assert sum(word.endswith(("random weights", "(random weights)")) for word in found) == 2


def test_only_the_model_with_random_weights_is_marked(desk: Desk):
    desk.grid(per_model={"bert": {"model": {"weights": "random"}}})
    study.fill(desk.store, desk.tasks, damage=False)
    desk.report("--figures")
    for picture in PICTURES:
        found = words(desk.text(picture))
        assert any(word.startswith("RANDOM WEIGHTS") for word in found)
        assert not any("SYNTHETIC" in word for word in found)
        assert sum("random weights" in word for word in found) == 1


def test_results_of_the_study_carry_no_mark(desk: Desk):
    study.fill(desk.store, desk.tasks, damage=False)
    desk.report("--figures")
    for picture in PICTURES:
        assert not re.search("random|synthetic", desk.text(picture), re.IGNORECASE)


def test_curves_have_a_panel_for_each_subset_with_a_result_and_name_the_models(desk: Desk):
    study.fill(desk.store, [task for task in desk.tasks if task.cell.labels == 4], damage=False)
    desk.report("--figures")
    found = words(desk.text("curves.svg"))
    assert [word for word in found if word.endswith(" samples")] == ["4 labels, 800 samples", "4 labels, 1600 samples"]
    assert [word for word in found if word.startswith(("Gemma", "BERT"))] == ["Gemma 3 (1B)", "BERT (110M)"]


def luminance(red: float, green: float, blue: float) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@given(UNIT, UNIT, UNIT)
def test_a_number_is_readable_on_every_colour(red: float, green: float, blue: float):
    """WCAG 2.2, 1.4.3 asks for a contrast of 4.5."""
    behind = luminance(red, green, blue)
    ink = luminance(1, 1, 1) if ink_on((red, green, blue)) == "white" else 0
    assert (max(behind, ink) + 0.05) / (min(behind, ink) + 0.05) >= 4.5
