"""What `report` is asked for, how it ends, and the table that it leaves."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from aggregator.command_line.cli import main
from aggregator.outcomes.table import COLUMNS
from contract.keys import LOG, PROGRESS, attempt_key, run_key
from contract.opening import open_store
from tests import factories
from tests.aggregator import study
from tests.aggregator.desk import PLUMBING, Desk

FILES = {"heatmap.png", "heatmap.svg", "results.csv", "results.parquet", "results.md", "results.tex", "report.html"}
FIGURES = {
    f"{name}.{ending}"
    for name in ("heatmap-test", "curves", "samples", "cost", "labels", "confusion-2", "confusion-4")
    for ending in ("png", "svg")
}


def test_a_complete_grid_ends_with_0_and_every_file(desk: Desk, capsys: pytest.CaptureFixture[str]):
    study.fill(desk.store, desk.tasks, damage=False)
    assert desk.report() == 0
    assert {path.name for path in desk.out.iterdir()} == FILES
    told = capsys.readouterr()
    assert told.out == f"8 cells: 8 done\n{desk.out / 'report.html'}\n"
    assert told.err == ""


def test_every_figure_is_a_file_when_asked_for(desk: Desk):
    study.fill(desk.store, desk.tasks, damage=False)
    desk.report("--figures")
    assert {path.name for path in desk.out.iterdir()} == FILES | FIGURES
    desk.report()
    assert {path.name for path in desk.out.iterdir()} == FILES, "a figure of an older report stays behind"


def test_an_empty_store_ends_with_3_and_a_report_of_missing_cells(desk: Desk):
    assert desk.report("--figures") == 3
    assert desk.statuses() == ["missing"] * 8
    assert "0 of 8 cells are done" in desk.text("report.html")
    assert not (desk.out / "curves.svg").exists()


def test_one_seed_short_is_not_complete(desk: Desk):
    desk.grid(seeds=[0, 1])
    study.fill(desk.store, desk.tasks[:-1], damage=False)
    assert desk.report() == 3


def test_all_failed_ends_with_3(desk: Desk):
    for task in desk.tasks:
        factories.publish(desk.store, factories.failure(task))
    assert desk.report() == 3
    assert desk.statuses() == ["failed"] * 8


def test_one_model_and_one_subset_make_a_report(desk: Desk):
    desk.grid(models=["bert"], labels=[2], samples=[800])
    study.fill(desk.store, desk.tasks)
    assert desk.report() == 0


def test_json_is_alone_on_stdout(desk: Desk, capsys: pytest.CaptureFixture[str]):
    done, cut = desk.tasks[:2]
    factories.publish(desk.store, study.finished(done))
    study.cut(desk.store, cut)
    assert desk.report("--json") == 3
    document = json.loads(capsys.readouterr().out)
    assert document["run"] == "small"
    assert document["complete"] is False
    assert document["totals"] == {"done": 1, "unreadable": 1, "missing": 6}
    assert {Path(path).name for path in document["files"]} == FILES


def test_a_finished_row_holds_the_result(desk: Desk):
    task = desk.tasks[0]
    success = factories.success(task, validation=0.85, test=0.74)
    factories.publish(desk.store, success)
    desk.report()
    row = desk.rows()[0]
    assert list(row) == list(COLUMNS)
    assert row == {
        "model": "gemma3",
        "labels": "2",
        "samples": "800",
        "seed": "0",
        "status": "done",
        "val_accuracy": "0.85",
        "test_accuracy": "0.74",
        "val_precision": "0.85",
        "val_recall": "0.85",
        "val_f1": "0.85",
        "test_precision": "0.74",
        "test_recall": "0.74",
        "test_f1": "0.74",
        "val_comments": "80",
        "test_comments": "100",
        "best_step": "900",
        "last_step": "900",
        "stop": "completed",
        "seconds": "100.0",
        "start_up_seconds": "14.0",
        "peak_memory_bytes": "1000000000",
        "device": "cpu",
        "trainable_parameters": "100000",
        "dtype": "bf16",
        "random_weights": "false",
        "synthetic_data": "false",
        "settings": "",
        "fingerprint": task.fingerprint(),
        "attempt": "a1",
        "log": "",
        "detail": "",
    }


def test_parquet_has_the_same_rows_with_their_types_and_their_meaning(desk: Desk):
    desk.grid(seeds=[0, 1])
    study.fill(desk.store, desk.tasks)
    desk.report()
    table = pq.read_table(desk.out / "results.parquet")
    rows = [{name: "" if value is None else value for name, value in row.items()} for row in table.to_pylist()]
    as_text = [{k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in row.items()} for row in rows]
    assert as_text == desk.rows()
    types = {name: str(table.schema.field(name).type) for name in ("seed", "test_accuracy", "random_weights", "detail")}
    assert types == {"seed": "int64", "test_accuracy": "double", "random_weights": "bool", "detail": "string"}
    assert table.schema.field("test_f1").metadata == {b"description": b"macro F1 on test, 0..1"}
    assert "- test_f1: macro F1 on test, 0..1\n" in desk.text("results.md")


class TestLatex:
    def lines(self, desk: Desk) -> dict[tuple[str, str], list[str]]:
        """(labels, samples) -> the models' columns."""
        rows = [
            line.removesuffix(r" \\").split(" & ") for line in desk.text("results.tex").splitlines() if " & " in line
        ]
        assert {len(row) for row in rows} == {5}
        return {(row[0], row[1]): row[3:] for row in rows}

    def test_a_row_a_subset_a_column_a_model(self, desk: Desk):
        first, second = desk.tasks[0], desk.tasks[4]
        assert (first.cell.model, second.cell.model) == ("gemma3", "bert")
        factories.publish(desk.store, study.answered(desk.store, factories.success(first), np.ones((2, 50), bool)))
        factories.publish(desk.store, study.answered(desk.store, factories.success(second), np.eye(2, 50) > 0))
        factories.publish(desk.store, factories.failure(desk.tasks[1]))
        desk.report()
        rows = self.lines(desk)
        assert rows["labels", "samples"] == ["Gemma 3 (1B)", "BERT (110M)"]
        assert rows["2", "800"] == [r"\textbf{100.0} [96.3, 100.0]", "2.0 [0.6, 7.0]"]
        assert rows["2", "1600"] == ["failed", "missing"]

    def test_seeds_that_are_not_done_are_said(self, desk: Desk):
        desk.grid(seeds=[0, 1])
        factories.publish(desk.store, factories.success(desk.tasks[0]))
        desk.report()
        assert self.lines(desk)["2", "800"][0] == "76.0 [66.8, 83.3] (1/2 seeds)"

    def test_plumbing_is_marked(self, desk: Desk):
        desk.grid(**PLUMBING)
        study.fill(desk.store, desk.tasks, damage=False)
        desk.report()
        assert r"\textbf{RANDOM WEIGHTS - plumbing, not results" in desk.text("results.tex")
        assert "BERT (110M) (random weights)" in desk.text("results.tex")

    def test_what_latex_would_take_for_a_command_is_escaped(self, desk: Desk):
        tasks = desk.record(run="50-percent_off")
        study.fill(desk.store, tasks, damage=False)
        desk.report("--run", "50-percent_off", grid=False)
        assert r"Run 50-percent\_off: test accuracy in percent with its 95 \% interval" in desk.text("results.tex")


def test_a_failed_row_holds_the_reason_and_no_number(desk: Desk):
    task = desk.tasks[0]
    factories.publish(desk.store, factories.failure(task, attempt="a7"))
    desk.report()
    row = desk.rows()[0]
    filled = {name: value for name, value in row.items() if value}
    assert filled == {
        "model": "gemma3",
        "labels": "2",
        "samples": "800",
        "seed": "0",
        "status": "failed",
        "fingerprint": task.fingerprint(),
        "attempt": "a7",
        "log": attempt_key(task.cell.id, task.fingerprint(), "a7", LOG),
        "detail": "non-finite-loss (exit 10) at step 12: the loss became nan at step 12",
    }


def test_a_killed_cell_says_what_its_pod_died_of_and_where_its_last_lines_are(desk: Desk):
    task = desk.tasks[0]
    factories.publish(desk.store, factories.progress(task, attempt="a7"))
    factories.publish(desk.store, factories.pod_failure(task))
    desk.report()
    row = desk.rows()[0]
    assert (row["status"], row["attempt"]) == ("failed", "a7")
    assert row["detail"] == "OOMKilled: the node's kernel ended it, it needs more memory"
    assert row["log"] == attempt_key(task.cell.id, task.fingerprint(), "a7", PROGRESS)
    assert row["detail"] in desk.text("results.md")


def test_each_kind_of_outcome_is_told_apart(desk: Desk):
    failed, running, lost, stale, cut, missing = desk.tasks[:6]
    long_ago = datetime.now(UTC) - timedelta(minutes=10)
    factories.publish(desk.store, factories.failure(failed))
    factories.publish(desk.store, factories.progress(running, step=450))
    factories.publish(desk.store, factories.progress(lost, step=77, updated_at=long_ago))
    study.age(desk.store, stale)
    study.cut(desk.store, cut)
    assert desk.report() == 3
    rows = desk.rows()
    assert [row["status"] for row in rows[:6]] == ["failed", "running", "lost", "stale", "unreadable", "missing"]
    assert rows[1]["detail"] == "training, step 450 of 900"
    assert rows[1]["log"] == attempt_key(running.cell.id, running.fingerprint(), "a1", PROGRESS)
    assert rows[2]["detail"] == f"last sign at step 77, {long_ago:%Y-%m-%d %H:%M} UTC"
    assert rows[3]["detail"] == "hyper.learning_rate 0.0005 -> 0.0001"
    assert missing.cell.model == rows[5]["model"]
    assert not any(row["val_accuracy"] or row["test_accuracy"] for row in rows)


def test_a_failure_after_a_result_does_not_undo_it(desk: Desk):
    task = desk.tasks[0]
    factories.publish(desk.store, study.finished(task))
    factories.publish(desk.store, factories.failure(task, attempt="b"))
    desk.report()
    assert desk.statuses()[0] == "done"


def test_the_recorded_run_says_what_was_asked(desk: Desk):
    tasks = desk.record("hyper.learning_rate=1e-3")
    study.fill(desk.store, tasks, damage=False)
    assert desk.report() == 0
    assert {row["fingerprint"] for row in desk.rows()} == {task.fingerprint() for task in tasks}
    assert "--run small" in desk.text("report.html")


def test_a_run_is_enough_without_its_grid(desk: Desk):
    study.fill(desk.store, desk.record(run="fast"), damage=False)
    assert desk.report("--run", "fast", grid=False) == 0
    assert "Results of run fast" in desk.text("results.md")


def test_without_a_record_the_grid_is_taken_as_it_stands(desk: Desk):
    study.fill(desk.store, desk.tasks, damage=False)
    assert desk.report() == 0
    assert "No run of this name is recorded" in desk.text("report.html")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--grid", "ful"], "no grid 'ful'"),
        ([], "--grid or --run is missing"),
        (["--run", "fats"], "no run 'fats' is recorded"),
        (["--grid", "full", "--run", "fats"], "recorded runs: small"),
        (["--grid", "full", "--results-uri", "gs://bucket"], "gs://bucket"),
    ],
)
def test_a_mistake_is_one_line_and_2(desk: Desk, capsys: pytest.CaptureFixture[str], options: list[str], message: str):
    desk.record()
    assert main(["report", "--results-uri", desk.store.uri, "--out", str(desk.out), *options]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("aggregator: error: ")
    assert message in told.err
    assert told.err.count("\n") == 1
    assert not desk.out.exists()


def test_a_grid_that_asks_for_nothing_is_a_mistake(desk: Desk, capsys: pytest.CaptureFixture[str]):
    desk.grid(exclude=[{"labels": 2}, {"labels": 4}])
    assert desk.report() == 2
    assert "exclude leaves no cell" in capsys.readouterr().err


def test_a_damaged_record_is_named(desk: Desk, capsys: pytest.CaptureFixture[str]):
    desk.store.put(run_key("small"), b'{"name": "sma')
    assert desk.report() == 2
    told = capsys.readouterr().err
    assert told.startswith("aggregator: error: runs/small.json in ")
    assert "cannot be read: it was cut short or edited" in told


def test_an_output_folder_that_cannot_be_is_a_mistake(desk: Desk, capsys: pytest.CaptureFixture[str]):
    desk.out.write_text("a file stands here")
    assert desk.report() == 2
    assert f"cannot write --out {desk.out}" in capsys.readouterr().err


def test_the_same_results_give_the_same_bytes(desk: Desk):
    study.fill(desk.store, desk.tasks, damage=False)
    desk.report("--figures")
    first = {path.name: path.read_bytes() for path in desk.out.iterdir()}
    desk.report("--figures")
    assert {path.name: path.read_bytes() for path in desk.out.iterdir()} == first


def test_sixty_results_take_less_than_five_seconds_imports_included(tmp_path: Path):
    store = open_store(str(tmp_path / "results"))
    study.fill(store, study.tasks_of(study.study_grid(), store))
    program = (
        "import sys, time; from aggregator.command_line.cli import main; main(sys.argv[1:]); print(time.process_time())"
    )
    options = ["report", "--grid", "full", "--results-uri", store.uri, "--out", str(tmp_path / "report")]
    command = [sys.executable, "-c", program, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    processor_seconds = float(done.stdout.splitlines()[-1])  # other processes on the machine do not count
    assert processor_seconds < 5


def test_help_is_there_before_any_drawing_library():
    program = "import sys; from aggregator.command_line.cli import main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert not {"matplotlib", "numpy", "scipy", "pandas", "pyarrow"} & set(done.stdout.split())


def test_python_m_ends_with_its_exit_code(desk: Desk):
    command = [sys.executable, "-m", "aggregator", "report", "--grid", "nothing", "--results-uri", desk.store.uri]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
