"""`status --watch`: what is on the screen, in lines where there is none, and how it ends."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.opening import open_store
from contract.survey import Done, Failed, Missing, Running
from launcher.cells.ends import Broken
from launcher.cells.view import Held, Pending, Queued, Row, Stuck
from launcher.costs.forecast import Remaining
from launcher.estimates.range import NOTHING, Range
from launcher.show.screen import picture
from launcher.show.states import Word, status_of
from launcher.show.waiting import Lines
from tests.factories import failure, progress, publish, success, task
from tests.launcher.program import Launcher
from tests.launcher.test_interruptions import wait_until
from tests.launcher.test_verbs import tasks_of

NOW = datetime(2026, 11, 25, tzinfo=UTC)
SOME = task()
STATES = [
    Done(),
    Missing(),
    Running(progress(SOME)),
    Failed(failure(SOME)),
    Broken("OOMKilled", "it needs more memory", retriable=False),
    Stuck("node gpu-1 does not answer"),
    Pending("waiting for the scheduler"),
    Queued("no pod yet"),
    Held("bert-l2-n800-s0", succeeded=None),
]


def rows_of(states) -> list[Row]:
    tasks = [task(cell={"model": "bert", "labels": 2, "samples": 800, "seed": seed}) for seed in range(len(states))]
    return [Row(each, state, Missing()) for each, state in zip(tasks, states, strict=True)]


@given(st.lists(st.sampled_from(STATES), min_size=1, max_size=60), st.integers(6, 80))
def test_the_screen_is_never_overfull_and_nothing_shown_matters_less_than_what_is_not(states, lines: int) -> None:
    text = picture(rows_of(states), Remaining(NOTHING, 0), lines, NOW).splitlines()
    assert len(text) < lines
    assert text[0].startswith("1 cell: " if len(states) == 1 else f"{len(states)} cells: ")
    shown = [line.split()[1] for line in text if line.startswith("bert-")]
    if len(shown) < len(states):
        assert text[-1] == f"{len(states) - len(shown)} more; plain `status` shows all"
    hidden = [status_of(state).state for state in states]
    for word in shown:
        hidden.remove(word)
    order = ["failed", "stuck", "running", "pending", "queued", "held", "missing", "done"]
    assert shown == sorted(shown, key=order.index)
    assert all(order.index(word) >= order.index(shown[-1]) for word in hidden)


def test_the_totals_say_how_long_it_still_takes() -> None:
    text = picture(rows_of([Done(), STATES[2], STATES[2], STATES[6]]), Remaining(Range(2400, 3600, 7200), 2), 40, NOW)
    assert text.splitlines()[:2] == [
        "4 cells: 1 done, 2 running, 1 pending",
        "to go: about 60 min with 2 at a time (40 min to 2.0 h)",
    ]


def test_every_word_has_its_place_on_the_screen() -> None:
    from launcher.show.screen import _ORDER

    assert set(_ORDER) == set(get_args(Word))


def test_off_a_terminal_it_tells_in_lines_and_ends_when_all_are_done(launcher: Launcher) -> None:
    store, tasks = open_store(str(launcher.results)), tasks_of(launcher)
    for each in tasks:
        publish(store, progress(each))
    command = launcher.command("status", "--watch")
    watch = subprocess.Popen(
        command, env=launcher.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert watch.stderr is not None
    assert watch.stderr.readline() == "4 cells: 4 running\n"
    for each in tasks:
        publish(store, success(each))
    told, words = watch.communicate(timeout=60)
    assert watch.returncode == 0
    assert f"done       {tasks[0].cell.id}" in words
    assert told.splitlines()[-1] == "4 cells: 4 done"


def test_it_ends_with_3_when_the_rest_cannot_finish(launcher: Launcher) -> None:
    store, tasks = open_store(str(launcher.results)), tasks_of(launcher)
    publish(store, success(tasks[0]))
    publish(store, failure(tasks[1]))
    done = launcher("status", "--watch")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (3, "4 cells: 1 done, 1 failed, 2 missing")


def test_ctrl_c_ends_the_watching_with_one_line(launcher: Launcher) -> None:
    publish(open_store(str(launcher.results)), progress(tasks_of(launcher)[0]))
    watch = subprocess.Popen(
        launcher.command("status", "--watch"),
        env=launcher.environment(),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert watch.stderr is not None
    watch.stderr.readline()
    watch.send_signal(signal.SIGINT)
    _, words = watch.communicate(timeout=30)
    assert watch.returncode == 130
    assert words == "no longer waiting; the cells go on, and the same command waits again\n"


@contextmanager
def terminal(lines: int, columns: int) -> Iterator[tuple[int, int]]:
    """Both ends of a terminal of this size: the one that is read here, and the program's."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    try:
        yield ours, theirs
    finally:
        os.close(ours)


def test_on_a_terminal_it_redraws_a_table_that_fits(launcher: Launcher) -> None:
    """Sixteen cells on twelve lines: the screen is left as it was, and the whole table printed at the end."""
    launcher.grid(0, 1, 2, 3)
    store, tasks = open_store(str(launcher.results)), tasks_of(launcher)
    for each in tasks:
        publish(store, progress(each))
    with terminal(12, 60) as (ours, theirs):
        watch = subprocess.Popen(
            launcher.command("status", "--watch"),
            env=launcher.environment() | {"TERM": "xterm", "COLUMNS": "", "LINES": ""},
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
        )
        os.close(theirs)
        seen = _read_until(ours, "plain `status` shows all")
        for each in tasks:
            publish(store, success(each))
        told, _ = watch.communicate(timeout=60)
    assert watch.returncode == 0
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen).replace("\r", "").splitlines()
    assert "16 cells: 16 running" in drawn
    assert all(len(line) <= 60 for line in drawn)
    assert sum(line.startswith(("bert-", "gemma3-")) for line in drawn) == 7
    assert len([line for line in told.splitlines() if " done" in line]) == 17


def test_lines_say_why_cells_are_stuck_also_if_they_were_from_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    image = Stuck("cannot pull the image: ImagePullBackOff")
    lines, rows = Lines(), rows_of([image, image, STATES[5], STATES[6]])
    lines.show(rows)
    lines.show(rows)
    assert capsys.readouterr().err.splitlines() == [
        "4 cells: 3 stuck, 1 pending",
        "2 stuck: cannot pull the image: ImagePullBackOff",
        "1 stuck: node gpu-1 does not answer",
    ]


def _read_until(descriptor: int, words: str) -> str:
    read = b""

    def found() -> bool:
        nonlocal read
        read += os.read(descriptor, 65536)
        return words.encode() in read

    wait_until(found, 30)
    return read.decode()


@pytest.mark.parametrize("options", [("submit", "--yes", "--timeout", "5s"), ("status", "--timeout", "5s")])
def test_a_time_limit_where_nothing_waits_for_jobs_is_a_mistake(launcher: Launcher, options: tuple[str, ...]) -> None:
    done = launcher(*options)
    assert done.returncode == 2
    assert "--timeout" in done.stderr.splitlines()[-1]
