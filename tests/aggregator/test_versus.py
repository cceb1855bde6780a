"""`compare`: what was asked for otherwise, what that changed, and what cannot be said."""

import json
from typing import Any

import numpy as np
import pytest

from aggregator.command_line.cli import main
from contract.opening import open_store
from contract.task import Task
from tests import factories
from tests.aggregator import study
from tests.aggregator.desk import PLUMBING, Desk

SMALL = {"models": ["bert", "gemma3"], "labels": [2], "samples": [800]}


def answered(desk: Desk, task: Task, wrong: int, of: int = 50) -> None:
    """Of 2 x `of` comments the first `wrong` of each label are missed."""
    right = np.tile(np.arange(of) >= wrong, (task.cell.labels, 1))
    factories.publish(desk.store, study.answered(desk.store, study.finished(task), right))


def compare(desk: Desk, capsys: pytest.CaptureFixture[str], *arguments: str, code: int) -> dict[str, Any]:
    capsys.readouterr()
    assert desk.run("compare", *arguments, "--json") == code
    return dict(json.loads(capsys.readouterr().out))


@pytest.fixture
def runs(desk: Desk) -> tuple[list[Task], list[Task]]:
    desk.grid(**SMALL)
    return desk.record(), desk.record("hyper.learning_rate=1e-3", run="warm")


def test_better_worse_and_neither_are_told_apart(desk: Desk, runs, capsys: pytest.CaptureFixture[str]):
    (bert, gemma), (warm_bert, warm_gemma) = runs
    for task, wrong in ((bert, 30), (warm_bert, 5), (gemma, 10), (warm_gemma, 11)):
        answered(desk, task, wrong)
    found = compare(desk, capsys, "small", "warm", code=0)
    assert found["settings"] == ["hyper.learning_rate 0.0001 -> 0.001 in 2 of 2 cells"]
    assert [change["verdict"] for change in found["changes"]] == ["better", "cannot be told apart"]
    first = found["changes"][0]
    assert (first["before"], first["after"], first["difference"]) == pytest.approx((0.4, 0.9, 0.5))
    assert first["low"] < 0.5 < first["high"]
    back = compare(desk, capsys, "warm", "small", code=0)
    assert [change["verdict"] for change in back["changes"]] == ["worse", "cannot be told apart"]


def test_holm_counts_all_comparisons(desk: Desk, runs, capsys: pytest.CaptureFixture[str]):
    """A p-value of 0.031 (six discordant comments, all one way) is told apart alone and not beside another."""
    (bert, gemma), (warm_bert, warm_gemma) = runs
    for task, wrong in ((bert, 13), (warm_bert, 10), (gemma, 10), (warm_gemma, 10)):
        answered(desk, task, wrong)
    found = compare(desk, capsys, "small", "warm", code=0)["changes"]
    assert [change["p"] for change in found] == pytest.approx([2 * 2 * 0.5**6, 1.0])
    assert found[0]["verdict"] == "cannot be told apart"


def test_a_run_beside_itself_has_the_same_results(desk: Desk, runs, capsys: pytest.CaptureFixture[str]):
    for task in runs[0]:
        answered(desk, task, 10)
    found = compare(desk, capsys, "small", "small", code=0)
    assert {change["verdict"] for change in found["changes"]} == {"same results"}
    assert found["settings"] == []


def test_two_stores(desk: Desk, runs, tmp_path, capsys: pytest.CaptureFixture[str]):
    for task in runs[0]:
        answered(desk, task, 30)
    assert desk.run("pull", "--out", str(tmp_path / "copy")) == 0
    other = Desk(tmp_path / "other")
    other.grid(**SMALL)
    for task in other.record():
        answered(other, task, 5)
    arguments = ["small", "small", "--other-uri", other.store.uri]
    assert compare(desk, capsys, *arguments, code=0)["totals"] == {"better": 2}
    same = compare(desk, capsys, "small", "small", "--other-uri", str(tmp_path / "copy"), code=0)
    assert same["totals"] == {"same results": 2}


def test_what_cannot_be_compared_is_listed_with_the_reason(desk: Desk, runs, capsys: pytest.CaptureFixture[str]):
    (bert, gemma), (warm_bert, warm_gemma) = runs
    answered(desk, bert, 10)
    answered(desk, warm_bert, 10, of=40)  # other comments
    answered(desk, gemma, 10)
    factories.publish(desk.store, factories.failure(warm_gemma))
    found = compare(desk, capsys, "small", "warm", code=3)
    assert [(each["model"], each["reason"]) for each in found["uncompared"]] == [
        ("bert", "no seed that both have, with usable answers to the same comments"),
        ("gemma3", "B: failed"),
    ]
    assert desk.run("compare", "small", "warm") == 3
    assert "not compared: Gemma 3 (1B), 2 labels x 800: B: failed" in capsys.readouterr().out


def test_a_seed_that_could_not_be_compared_is_counted(desk: Desk, capsys: pytest.CaptureFixture[str]):
    desk.grid(models=["bert"], labels=[2], samples=[800], seeds=[0, 1, 2])
    before, after = desk.record(), desk.record("hyper.epochs=2", run="short")
    for task in [*before, *after[:2]]:
        answered(desk, task, 10 + task.cell.seed)
    change = compare(desk, capsys, "small", "short", code=3)["changes"][0]
    assert (change["seeds"], change["seeds_asked"]) == (2, 3)
    assert change["before"] == pytest.approx(0.79)
    desk.run("compare", "small", "short")
    assert " 2 of 3 " in capsys.readouterr().out


def test_grids_of_other_cells(desk: Desk, runs, capsys: pytest.CaptureFixture[str]):
    desk.grid(models=["bert"], labels=[2, 4], samples=[800], name="wider")
    found = compare(desk, capsys, "small", desk.grid_file, code=3)
    assert [each["reason"] for each in found["uncompared"]] == [
        "A: missing",
        "B does not ask for it",
        "A does not ask for it",
    ]


def test_runs_of_other_cells_are_complete_when_each_is_done(desk: Desk, runs, capsys: pytest.CaptureFixture[str]):
    for task in runs[0]:
        answered(desk, task, 10)
    desk.grid(models=["bert"], labels=[2, 4], samples=[800], seeds=[0, 1], name="wider")
    for task in desk.record(run="wider"):
        answered(desk, task, 10)
    found = compare(desk, capsys, "small", "wider", code=0)
    assert [(change["model"], change["seeds"], change["seeds_asked"]) for change in found["changes"]] == [
        ("bert", 1, 2)
    ]
    assert len(found["uncompared"]) == 2


def test_plumbing_is_called_so_first(desk: Desk, capsys: pytest.CaptureFixture[str]):
    desk.grid(**SMALL, **PLUMBING)
    for task in desk.record():
        answered(desk, task, 10)
    desk.run("compare", "small", "small")
    assert capsys.readouterr().out.startswith("RANDOM WEIGHTS - plumbing, not results")


def test_the_table_for_people(desk: Desk, runs, capsys: pytest.CaptureFixture[str]):
    (bert, gemma), (warm_bert, warm_gemma) = runs
    for task, wrong in ((bert, 30), (warm_bert, 5), (gemma, 10), (warm_gemma, 11)):
        answered(desk, task, wrong)
    assert desk.run("compare", "small", "warm") == 0
    told = capsys.readouterr().out
    rows = [" ".join(line.split()) for line in told.splitlines()]
    assert any(row.startswith("BERT (110M) 2 labels x 800 1 40.0 90.0 +50.0 ") for row in rows)
    assert "1 better, 1 cannot be told apart (p-values by Holm over 2 comparisons)" in told


@pytest.mark.parametrize("name", ["nosuch", "no/such.yaml", "Nosuch"])
def test_a_run_that_is_not_there_is_one_line(desk: Desk, runs, name: str, capsys: pytest.CaptureFixture[str]):
    assert desk.run("compare", "small", name) == 2
    told = capsys.readouterr().err
    assert name in told
    assert told.count("\n") == 1


def test_a_damaged_result_is_refused_by_name(desk: Desk, runs, capsys: pytest.CaptureFixture[str]):
    study.cut(desk.store, runs[0][0])
    assert main(["compare", "small", "warm", "--results-uri", desk.store.uri]) == 3
    told = capsys.readouterr()
    assert told.err.startswith("refused results/bert-l2-n800-s0/")
    assert "A: unreadable" in told.out


def test_stores_are_only_read(desk: Desk, runs):
    before = list(open_store(desk.store.uri).list(""))
    desk.run("compare", "small", "warm")
    assert list(desk.store.list("")) == before
