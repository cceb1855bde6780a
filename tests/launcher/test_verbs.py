"""plan, submit, status, retry and logs as a user runs them."""

import json
import subprocess

import pytest

from contract.keys import attempt_key
from contract.opening import open_store
from contract.run import Run, load_run, record_run
from tests.factories import failure, progress, publish, success
from tests.launcher.program import Launcher
from tests.launcher.standin import Ending


def tasks_of(launcher: Launcher):
    from contract.grid import load_grid
    from contract.revision import resolve

    return resolve(load_grid(str(launcher.grid_file)).tasks(str(launcher.results)))


def test_a_grid_runs_and_the_same_command_again_runs_nothing(launcher: Launcher):
    first = launcher("submit", "--yes")
    assert first.returncode == 0, first.stderr
    assert len(launcher.published()) == 4
    again = launcher("submit")
    assert again.returncode == 0
    assert "Nothing to run" in again.stderr
    assert "start" not in again.stderr


def test_a_grid_runs_into_a_bucket_and_is_read_back(launcher: Launcher, minio, bucket, monkeypatch):
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    uri = f"s3://{bucket}/study"
    first = launcher("submit", "--yes", "--results-uri", uri)
    assert first.returncode == 0, first.stderr
    assert set(launcher.states("--results-uri", uri).values()) == {"done"}
    assert "Nothing to run" in launcher("submit", "--results-uri", uri).stderr
    assert len(list(open_store(uri).list("results/"))) == 4
    assert not launcher.results.exists()


def test_only_the_missing_cell_runs(launcher: Launcher):
    store = open_store(str(launcher.results))
    for task in tasks_of(launcher)[1:]:
        publish(store, success(task))
    done = launcher("submit", "--yes")
    assert done.returncode == 0
    assert [line for line in done.stderr.splitlines() if line.startswith("start")] == ["start    bert-l2-n80-s0"]


def test_a_stale_result_says_which_setting_changed(launcher: Launcher):
    launcher("submit", "--yes")
    plan = launcher("plan", "--set", "hyper.learning_rate=1e-3", "--run", "warm", "--grid", str(launcher.grid_file))
    assert plan.returncode == 0
    assert plan.stdout.count("hyper.learning_rate 0.0001 -> 0.001") == 4
    assert "4 stale" in plan.stdout


def test_the_same_run_with_other_settings_is_refused(launcher: Launcher):
    launcher("submit", "--yes")
    other = launcher("submit", "--yes", "--set", "hyper.epochs=2")
    assert other.returncode == 2
    assert "hyper.epochs was 5, now 2" in other.stderr
    assert len(launcher.published()) == 4


def test_a_plan_says_that_its_submit_would_be_refused(launcher: Launcher):
    launcher("submit", "--yes")
    plan = launcher("plan", "--set", "hyper.epochs=2")
    assert plan.returncode == 0
    assert "A submit would be refused: run 'tiny' asks for something else: hyper.epochs was 5, now 2" in plan.stdout
    assert "hyper.epochs was 5" in launcher.json("plan", "--set", "hyper.epochs=2")["refused"]
    assert launcher.json("plan")["refused"] is None


def test_a_refused_submit_asks_nothing_first(launcher: Launcher):
    launcher("submit", "--yes")
    refused = launcher("submit", "--set", "hyper.epochs=2")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1


def test_status_and_retry_know_the_runs_settings(launcher: Launcher):
    launcher("submit", "--yes", "--set", "hyper.epochs=2")
    assert set(launcher.states("--run", "tiny").values()) == {"done"}
    assert set(launcher.states().values()) == {"done"}


def test_one_failing_cell_does_not_stop_the_rest(launcher: Launcher):
    launcher.grid(0, Ending.NON_FINITE, Ending.CRASH, Ending.NOTHING)
    done = launcher("submit", "--yes", "--only", "model=bert,labels=2")
    assert done.returncode == 3
    assert len(launcher.published()) == 1
    assert "failed   bert-l2-n80-s10: non-finite-loss" in done.stderr
    assert "segmentation fault, says the stand-in" in done.stderr
    assert "failed   bert-l2-n80-s13: it ended without a result" in done.stderr


def test_a_failure_that_would_repeat_waits_for_retry(launcher: Launcher):
    launcher.grid(Ending.NON_FINITE, Ending.PREEMPTED)
    only = ("--only", "model=bert,labels=2")
    launcher("submit", "--yes", *only)
    again = launcher("submit", "--yes", *only)
    assert again.returncode == 3
    assert [line for line in again.stderr.splitlines() if line.startswith("start")] == ["start    bert-l2-n80-s11"]
    retried = launcher("retry", *only)
    assert retried.returncode == 3
    assert "2 of 2 cells failed" in retried.stderr
    assert retried.stderr.count("\nstart ") == 2


def test_every_state_is_told_apart(launcher: Launcher):
    launcher.grid(0, 1)
    store = open_store(str(launcher.results))
    tasks = tasks_of(launcher)
    publish(store, success(tasks[0]))
    publish(store, progress(tasks[1]))
    publish(
        store, progress(tasks[2]).model_copy(update={"updated_at": progress(tasks[2]).updated_at.replace(year=2025)})
    )
    publish(store, failure(tasks[3]))
    older = tasks[4].model_copy(update={"hyper": tasks[4].hyper.model_copy(update={"epochs": 9})})
    publish(store, success(older))
    status = launcher("status")
    assert status.returncode == 3
    states = [cell["state"] for cell in launcher.json("status")["cells"]]
    assert states == ["done", "running", "lost", "failed", "stale", "missing", "missing", "missing"]
    for words in ("step 300 of 900", "a retry would end the same", "last sign at step 300", "hyper.epochs 9 -> 5"):
        assert words in status.stdout


def test_a_later_attempt_speaks_for_the_cell(launcher: Launcher):
    store = open_store(str(launcher.results))
    task = tasks_of(launcher)[0]
    publish(store, failure(task, attempt="20260101T000000Z-aaaaaa"))
    publish(store, progress(task, attempt="20260102T000000Z-aaaaaa"))
    assert launcher.states()[task.cell.id] == "running"


def test_json_is_alone_on_stdout(launcher: Launcher):
    done = launcher("submit", "--yes", "--json")
    assert json.loads(done.stdout)["totals"] == {"done": 4}
    assert "start" in done.stderr


def test_logs_come_from_the_latest_attempt(launcher: Launcher):
    store = open_store(str(launcher.results))
    task = tasks_of(launcher)[0]
    publish(store, progress(task))
    assert "training starts" in launcher("logs", task.cell.id).stdout
    store.put(attempt_key(task.cell.id, task.fingerprint(), "a1", "log.txt"), b"the whole story\n")
    assert launcher("logs", task.cell.id).stdout == "the whole story\n"


def test_what_a_cell_said_cannot_steer_the_terminal(launcher: Launcher):
    """Nor forge a line of the table: only the launcher's own line ends are line ends."""
    store = open_store(str(launcher.results))
    task = tasks_of(launcher)[0]
    hostile = "\x1b]0;title\x07\nbert-l4-n80-s0  done"
    publish(store, failure(task).model_copy(update={"message": hostile}))
    store.put(attempt_key(task.cell.id, task.fingerprint(), "a1", "log.txt"), b"one\n\x1b[2Jtw\xc3\xb6\r\n\tthree\n")
    table = launcher("status").stdout
    assert r"\x1b]0;title\x07\nbert-l4-n80-s0  done" in table
    assert len(table.splitlines()) == 1 + 4 + 1
    assert launcher("logs", task.cell.id).stdout == "one\n\\x1b[2Jtwö\\r\n\tthree\n"


def test_logs_of_a_cell_that_is_not_in_the_run(launcher: Launcher):
    done = launcher("logs", "bert-l2-n80-s9")
    assert done.returncode == 2
    assert "bert-l2-n80-s0" in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("submit",), ["no terminal", "--yes"]),
        (("submit", "--yes", "--only", "model=gpt9"), ["gpt9", "qwen2.5"]),
        (("submit", "--yes", "--only", "labels"), ["--only 'labels'"]),
        (("submit", "--yes", "--only", "labels=16"), ["matches no cell"]),
        (("submit", "--yes", "--only", "labels=2,labels=4"), ["labels=2,labels=4", "repeat --only"]),
        (("submit", "--yes", "--seeds", "0,x"), ["--seeds '0,x'"]),
        (("submit", "--yes", "--seeds", "0,00"), ["--seeds '0,00'", "distinct"]),
        (("submit", "--yes", "--workers", "0"), ["--workers '0'"]),
        (("plan", "--gpus", "0"), ["--gpus=0"]),
        (("plan", "--gpu-hour-price", "-1"), ["--gpu-hour-price=-1"]),
        (("submit", "--yes", "--max-gpu-hours", "few"), ["--max-gpu-hours=few"]),
        (("submit", "--yes", "--set", "hyper.epochs=0"), ["hyper.epochs=0"]),
        (("submit", "--yes", "--backend", "slurm"), ["slurm", "local"]),
        (("plan", "--run", "UPPER", "--grid", "smoke"), ["UPPER"]),
        (("status", "--run", "nosuch"), ["nosuch"]),
        (("plan", "--grd"), ["--grd"]),
        (("status", "--set", "hyper.epochs=2"), ["--set"]),
        (("retry", "--seeds", "3"), ["--seeds"]),
        (("logs", "bert-l2-n80-s0", "--json"), ["--json"]),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(launcher: Launcher, options: tuple[str, ...], words: list[str]):
    done = launcher(*options)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("launcher: error:")
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in last
    assert launcher.published() == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("LAUNCHER_WORKERS", "many", ["LAUNCHER_WORKERS=many", "a whole number"]),
        ("LAUNCHER_TRAINER_COMMAND", "/nonexistent/python -m trainer", ["/nonexistent/python", "no such program"]),
        ("LAUNCHER_TRAINER_COMMAND", "'python", ["LAUNCHER_TRAINER_COMMAND='python", "no closing quotation"]),
    ],
)
def test_a_bad_setting_is_one_line_and_nothing_is_recorded(launcher: Launcher, name: str, value: str, words: list[str]):
    environment = launcher.environment() | {name: value}
    done = subprocess.run(launcher.command("submit", "--yes"), env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("launcher: error:")
    for word in words:
        assert word in last
    assert not list(launcher.results.rglob("*.json"))


def test_the_shells_own_variables_do_not_reach_a_cell(launcher: Launcher):
    """Each of them would make a trainer refuse to start, train something else, or claim to run in an image."""
    shell = {"DATA": "/data", "LOG": "debug", "RESULT_URI": "elsewhere", "MODEL_DIR": "/m", "HYPER_EPOCHS": "77"}
    environment = launcher.environment() | shell | {"IMAGE": "built-by-ci:latest"}
    done = subprocess.run(launcher.command("submit", "--yes"), env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(launcher.published()) == 4
    assert {life["image"] for life in launcher.lives()} == {None}


def test_a_run_of_another_version_is_shown_and_not_retried(launcher: Launcher):
    store = open_store(str(launcher.results))
    asked = Run.of("tiny", tasks_of(launcher))
    record_run(store, asked.model_copy(update={"fingerprints": dict.fromkeys(asked.fingerprints, "0" * 16)}))
    old, other = load_run(store, "tiny").resolved_tasks(store.uri)[:2]
    publish(store, success(old))
    publish(store, failure(other))
    assert list(launcher.states().values()) == ["done", "failed", "missing", "missing"]
    retried = launcher("retry")
    assert retried.returncode == 2
    assert "another version" in retried.stderr
    assert "--run" in retried.stderr


def test_a_store_that_cannot_be_written(launcher: Launcher):
    launcher.results.write_text("a file in the way")
    done = launcher("submit", "--yes")
    assert done.returncode == 2
    assert "not writable" in done.stderr


def test_help_shows_each_verb_with_an_example(launcher: Launcher):
    shown = launcher("--help").stdout
    for verb in ("plan", "submit", "status", "retry", "logs"):
        assert f"python -m launcher {verb}" in shown
