"""The views of report.html beside the main tables: heatmaps to choose from, labels, costs, and what is not done."""

from itertools import product
from pathlib import Path
from statistics import fmean
from urllib.parse import unquote

import pytest

from aggregator.page.links import log_link, log_name
from contract.keys import LOG, attempt_key
from contract.result import LabelMetrics, Success
from tests import factories
from tests.aggregator import study
from tests.aggregator.desk import PLUMBING, Desk
from tests.aggregator.tables import Table, read_tables

WORDS = {"accuracy": "Accuracy", "f1": "Macro F1", "precision": "Macro precision", "recall": "Macro recall"}


def tables(desk: Desk) -> dict[str, Table]:
    return read_tables(desk.text("report.html"))


class TestHeatmap:
    def test_every_metric_split_and_seed_has_a_view_with_the_numbers_of_the_csv(self, desk: Desk):
        desk.grid(seeds=[0, 1])
        for number, task in enumerate(desk.tasks):
            factories.publish(desk.store, uneven(factories.success(task), number))
        desk.report()
        found = tables(desk)
        for (metric, words), split, seed in product(WORDS.items(), ("validation", "test"), (None, "0", "1")):
            which = "mean over 2 seeds" if seed is None else f"seed {seed}"
            heatmap = found[f"{words} on {split}, %, {which}"]
            column = f"{split.replace('idation', '')}_{metric}"
            for model, title in (("gemma3", "Gemma 3 (1B)"), ("bert", "BERT (110M)")):
                assert heatmap.row(title) == [
                    percent(
                        float(row[column])
                        for row in desk.rows()
                        if (row["model"], row["labels"], row["samples"]) == (model, labels, samples)
                        and seed in (None, row["seed"])
                    )
                    for labels, samples in product("24", ("800", "1600"))
                ]

    def test_one_seed_is_no_mean_and_no_choice(self, desk: Desk):
        study.fill(desk.store, desk.tasks, damage=False)
        desk.report()
        assert "Accuracy on validation, %" in tables(desk)
        assert 'name="heatmap-seed"' not in desk.text("report.html")

    def test_what_is_not_done_is_a_word_in_every_view(self, desk: Desk):
        desk.grid(models=["bert"], labels=[2], samples=[800, 1600, 2400], exclude=[{"model": "bert", "samples": 2400}])
        factories.publish(desk.store, factories.failure(desk.tasks[0]))
        desk.report()
        for words, split in product(WORDS.values(), ("validation", "test")):
            assert tables(desk)[f"{words} on {split}, %"].row("BERT (110M)") == ["failed non-finite-loss", "missing"]

    def test_a_seed_that_failed_is_a_word_in_its_view_and_said_in_the_mean(self, desk: Desk):
        desk.grid(models=["bert"], labels=[2], samples=[800], seeds=[0, 1])
        factories.publish(desk.store, factories.success(desk.tasks[0], test=0.75))
        factories.publish(desk.store, factories.failure(desk.tasks[1]))
        desk.report()
        found = tables(desk)
        assert found["Accuracy on test, %, mean over 2 seeds"].row("BERT (110M)") == ["76.0 1/2 seeds"]
        assert found["Accuracy on test, %, seed 1"].row("BERT (110M)") == ["failed non-finite-loss"]

    def test_only_the_mean_of_the_test_accuracy_frames_the_best(self, desk: Desk):
        study.fill(desk.store, desk.tasks, damage=False)
        desk.report()
        framed = {
            name: [row[0] for row, looks in zip(table.rows, table.classes, strict=True) if "best" in " ".join(looks)]
            for name, table in tables(desk).items()
        }
        assert {name: models for name, models in framed.items() if models} == {
            "Accuracy on test, %": ["Gemma 3 (1B)"],
        }

    def test_random_weights_are_pale_and_named(self, desk: Desk):
        desk.grid(per_model={"bert": {"model": PLUMBING["model"]}})
        study.fill(desk.store, desk.tasks, damage=False)
        desk.report()
        table = tables(desk)["Accuracy on validation, %"]
        looks = {
            row[0]: {look[0] for look in own[1:]} for row, own in zip(table.rows[2:], table.classes[2:], strict=True)
        }
        assert looks == {"Gemma 3 (1B)": {"s"}, "BERT (110M) random weights": {"p"}}


def percent(shares: object) -> str:
    return f"{100 * fmean(shares):.1f}"  # type: ignore[call-overload]


def uneven(success: Success, number: int) -> Success:
    """The same with another number for each metric and split."""
    splits = {
        split: getattr(success, split).model_copy(
            update={metric: (7 * number + 3 * place + start) / 100 for place, metric in enumerate(WORDS)}
        )
        for split, start in (("validation", 1), ("test", 2))
    }
    return success.model_copy(update=splits)


class TestLabels:
    def publish(self, desk: Desk) -> None:
        """Two seeds of one cell: of 50 and 50 comments 40 and 30, then 20 and 50, are told right."""
        desk.grid(models=["bert"], labels=[2], samples=[800], seeds=[0, 1])
        for task, (first, second) in zip(desk.tasks, ((40, 30), (20, 50)), strict=True):
            success = factories.success(task)
            scores = [
                LabelMetrics(label=label, precision=0.5, recall=right / 50, f1=right / 100, support=50)
                for label, right in zip(task.labels, (first, second), strict=True)
            ]
            confusion = [[first, 50 - first], [50 - second, second]]
            test = success.test.model_copy(update={"per_label": scores, "confusion": confusion})
            factories.publish(desk.store, success.model_copy(update={"test": test}))
        desk.report("--figures")

    def test_f1_of_each_label_is_the_mean_over_seeds(self, desk: Desk):
        self.publish(desk)
        table = tables(desk)["F1 on 2 labels x 800, %"]
        assert table.rows == [["label", "BERT (110M)"], ["admiration", "30.0"], ["gratitude", "40.0"]]

    def test_the_confusion_matrix_has_the_labels_names_and_shares_of_each_true_label(self, desk: Desk):
        self.publish(desk)
        (table,) = (table for name, table in tables(desk).items() if name.startswith("BERT (110M) on 2 labels x 800"))
        assert table.rows == [
            ["label", "admiration", "gratitude", "precision, %", "F1, %"],
            ["admiration", "60", "40", "50.0", "30.0"],
            ["gratitude", "20", "80", "50.0", "40.0"],
        ]

    def test_a_label_without_a_comment_has_no_shares(self, desk: Desk):
        success = factories.success(desk.tasks[0])
        factories.publish(
            desk.store,
            success.model_copy(update={"test": success.test.model_copy(update={"confusion": [[30, 20], [0, 0]]})}),
        )
        assert desk.report("--figures") == 3
        (table,) = (table for name, table in tables(desk).items() if name.startswith("Gemma 3 (1B) on 2 labels x 800"))
        assert [row[1:3] for row in table.rows[1:]] == [["60", "40"], ["", ""]]

    def test_a_model_without_a_result_says_why_in_place_of_its_matrix(self, desk: Desk):
        done, failed = (next(task for task in desk.tasks if task.cell.model == name) for name in ("bert", "gemma3"))
        factories.publish(desk.store, factories.success(done))
        factories.publish(desk.store, factories.failure(failed))
        desk.report()
        assert "Gemma 3 (1B) has no result on 2 labels x 800: failed." in desk.text("report.html")


class TestCosts:
    def test_means_sums_and_the_highest_by_model(self, desk: Desk):
        desk.grid(models=["bert"], labels=[2], samples=[800, 1600])
        for task, seconds, memory in zip(desk.tasks, (1800.0, 5400.0), (2 * 10**9, 10**9), strict=True):
            success = factories.success(task, test=0.75, seconds=seconds)
            training = success.training.model_copy(update={"peak_memory_bytes": memory})
            by = success.provenance.model_copy(update={"device": "NVIDIA L4"})
            factories.publish(desk.store, success.model_copy(update={"training": training, "provenance": by}))
        desk.report()
        assert tables(desk)["Cost by model"].row("BERT (110M)") == [
            "2",
            "76.0",
            "3,600",
            "14.0",
            "2.00",
            "2.00",
            "2.00",
        ]
        words = "2 cells took 2.0 hours on NVIDIA L4, 2.0 of them GPU-hours."
        assert words in desk.text("report.html")
        assert words in desk.text("results.md")

    def test_a_processor_has_no_gpu_hours_and_a_resumed_cell_is_named(self, desk: Desk):
        success = factories.success(desk.tasks[0])
        training = success.training.model_copy(update={"resumed_from_step": 100})
        factories.publish(desk.store, success.model_copy(update={"training": training}))
        desk.report()
        words = (
            "1 cell took 0.0 hours on cpu, none of them on a GPU. "
            "1 cell went on from an earlier attempt, whose time is not counted."
        )
        assert words in desk.text("report.html")
        assert tables(desk)["Cost by model"].row("Gemma 3 (1B)")[-1] == "none"


class TestNotDone:
    def test_a_failure_links_its_log_and_shows_its_last_lines(self, desk: Desk):
        task = desk.tasks[0]
        failure = factories.failure(task).model_copy(update={"traceback_tail": ["in fit", "nan < 0 & <b>"]})
        factories.publish(desk.store, failure)
        key = attempt_key(task.cell.id, task.fingerprint(), "a1", LOG)
        desk.store.put(key, b"the log")
        desk.report()
        page = desk.text("report.html")
        link = page.split(f'">{key}</a>')[0].rpartition('href="')[2]
        assert (desk.out / unquote(link)).read_bytes() == b"the log"
        assert "<pre>in fit\nnan &lt; 0 &amp; &lt;b&gt;</pre>" in page

    def test_a_cell_that_was_lost_shows_the_end_of_its_log(self, desk: Desk):
        lost = factories.progress(desk.tasks[0], updated_at=factories.STARTED)
        factories.publish(desk.store, lost.model_copy(update={"log_tail": ["loading", "step 300"]}))
        desk.report()
        assert "<pre>loading\nstep 300</pre>" in desk.text("report.html")

    def test_a_log_in_a_bucket_is_named_and_not_linked(self):
        assert log_name("s3://bucket/study", "attempts/train.log") == "s3://bucket/study/attempts/train.log"
        assert log_link("s3://bucket/study", "attempts/train.log", Path("report")) is None


@pytest.mark.parametrize("name", ["curves", "samples"])
def test_a_drawing_takes_the_colours_of_the_page(desk: Desk, name: str):
    """Black on black is what a drawing with colours of its own is on a dark page."""
    study.fill(desk.store, desk.tasks, damage=False)
    desk.report("--figures")
    page, paper = desk.text("report.html"), desk.text(f"{name}.svg")
    drawn = page.split(f'id="{name}-figure_1"')[1].split("</svg>")[0]
    assert "var(--ink)" in drawn
    for colour in ("#1b1e23", "#ffffff"):
        assert colour in paper
        assert colour not in drawn
