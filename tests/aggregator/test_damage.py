"""A result that cannot be trusted: the report says which and why, and goes on with the rest."""

import json
from collections.abc import Callable

import pytest

from contract.keys import FAILURE, attempt_key, result_key
from contract.result import SCHEMA, Progress, encode
from contract.task import Task
from tests import factories
from tests.aggregator import study
from tests.aggregator.desk import Desk

Damage = Callable[[bytes, Task], bytes]


def edited(data: bytes, _: Task) -> bytes:
    content = json.loads(data)
    content["test"]["accuracy"] = 1.0
    return json.dumps(content).encode()


def cut_short(data: bytes, _: Task) -> bytes:
    return data[: len(data) // 2]


def emptied(_: bytes, __: Task) -> bytes:
    return b""


def from_the_future(_: bytes, task: Task) -> bytes:
    return encode(study.finished(task).model_copy(update={"schema_version": SCHEMA + 1}))


def of_another_cell(_: bytes, task: Task) -> bytes:
    other = task.model_copy(update={"cell": task.cell.model_copy(update={"seed": 99})})
    return encode(study.finished(other))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (edited, "its content does not match its digest"),
        (cut_short, "not JSON, probably cut short"),
        (emptied, "not JSON, probably cut short"),
        (from_the_future, f"schema version {SCHEMA + 1} is newer than {SCHEMA}"),
        (of_another_cell, "it holds another cell: gemma3-l2-n800-s99"),
    ],
)
def test_damage_is_named_everywhere_and_the_rest_is_reported(
    desk: Desk, capsys: pytest.CaptureFixture[str], damage: Damage, reason: str
):
    study.fill(desk.store, desk.tasks, damage=False)
    task = desk.tasks[0]
    key = result_key(task.cell.id, task.fingerprint())
    desk.store.put(key, damage(desk.store.get(key) or b"", task))

    assert desk.report() == 3
    assert desk.statuses() == ["unreadable"] + ["done"] * 7
    assert capsys.readouterr().err.startswith(f"refused {key}: {reason}")
    assert desk.rows()[0]["test_accuracy"] == ""
    for name in ("results.csv", "results.md", "report.html"):
        assert key in desk.text(name)
        assert reason in desk.text(name)


def test_an_attempt_that_cannot_be_read_is_lost_and_says_so(desk: Desk):
    task = desk.tasks[0]
    desk.store.put(attempt_key(task.cell.id, task.fingerprint(), "a1", FAILURE), b"{")
    desk.report()
    row = desk.rows()[0]
    assert (row["status"], row["detail"]) == ("lost", "what the attempt left behind cannot be read")


def test_a_stale_result_that_cannot_be_read_says_so(desk: Desk):
    task = desk.tasks[0]
    desk.store.put(result_key(task.cell.id, "0" * 16), b"{")
    desk.report()
    assert (desk.rows()[0]["status"], desk.rows()[0]["detail"]) == ("stale", "the other result cannot be read")


def test_words_from_the_store_cannot_change_the_page(desk: Desk):
    task = desk.tasks[0]
    hostile = "<script>alert(1)</script> | a pipe\nand a line"
    factories.publish(desk.store, factories.failure(task).model_copy(update={"message": hostile}))
    desk.report()
    assert "<script" not in desk.text("report.html")
    assert "&lt;script&gt;alert(1)" in desk.text("report.html")
    assert desk.rows()[0]["detail"].endswith(hostile)
    assert "\\| a pipe and a line |" in desk.text("results.md")


def test_words_from_the_store_are_no_formulas_and_draw_nothing(desk: Desk):
    """In a spreadsheet a cell that begins with `=` is calculated, in a figure `$` begins mathematics."""
    factories.publish(desk.store, factories.failure(desk.tasks[0], error="=HYPERLINK($x^$)"))
    assert desk.report() == 3
    assert desk.rows()[0]["detail"].startswith("'=HYPERLINK(")
    assert "=HYPERLINK($x^$)" in desk.text("heatmap.svg")


def test_words_from_the_store_cannot_steer_a_terminal(desk: Desk, capsys: pytest.CaptureFixture[str]):
    task = desk.tasks[0]
    hostile = "\x1b[2J\nstatus done\x9b31m"
    factories.publish(desk.store, factories.failure(task).model_copy(update={"message": hostile}))
    desk.run("show", task.cell.id, "--grid", desk.grid_file)
    shown = capsys.readouterr().out
    assert r"\x1b[2J\nstatus done\x9b31m" in shown
    assert shown.replace("\n", "").isprintable()


def test_progress_is_no_result(desk: Desk):
    """A running cell reports an accuracy on the way; it must not reach the table."""
    progress: Progress = factories.progress(desk.tasks[0])
    assert progress.accuracy == 0.5
    factories.publish(desk.store, progress)
    desk.report()
    assert desk.rows()[0]["val_accuracy"] == ""
    assert "50.0" not in desk.text("heatmap.svg")


def test_a_grid_that_was_changed_since_its_run_is_told(desk: Desk, capsys: pytest.CaptureFixture[str]):
    study.fill(desk.store, desk.record(), damage=False)
    desk.grid(labels=[4, 8], hyper={"epochs": 2})
    assert desk.report() == 0
    told = "the recorded run 'small' is reported, not the grid as it stands: "
    assert told + "it asks for 4 cells more, 4 fewer, and 4 with other settings" in capsys.readouterr().err
    desk.grid()
    desk.report()
    assert capsys.readouterr().err == ""


def test_of_two_runs_in_one_store_each_report_has_its_own(desk: Desk):
    """The other run's results are neither taken for this one's nor called stale where this one's are there."""
    study.fill(desk.store, desk.record(), damage=False)
    warm = desk.record("hyper.learning_rate=1e-3", run="warm")
    study.fill(desk.store, warm[:1], damage=False)
    assert desk.report("--run", "small", grid=False) == 0
    assert {row["settings"] for row in desk.rows()} == {""}
    assert desk.report("--run", "warm", grid=False) == 3
    assert desk.statuses() == ["done"] + ["stale"] * 7
    assert {row["settings"] for row in desk.rows()} == {"hyper.learning_rate=0.001"}
