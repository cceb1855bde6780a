"""Whatever ends the launcher, no trainer outlives it and every finished result stays."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.launcher.program import Launcher


def processes_on(folder: Path) -> list[int]:
    """Trainers whose results go to `folder`, by their environment."""
    needle = f"RESULTS_URI={folder}\0".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if needle in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def wait_until(condition, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes by /proc: Linux only")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_submit_ends_its_children(launcher: Launcher, number: signal.Signals):
    launcher.grid(0, 1)
    command = launcher.command("submit", "--yes", "--workers", "2")
    process = subprocess.Popen(
        command,
        env=launcher.environment(seconds=2),
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts its background jobs, such as a run of these tests, with SIGINT ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_until(lambda: len(launcher.published()) >= 1)
    wait_until(lambda: len(processes_on(launcher.results)) >= 1)
    process.send_signal(number)
    _, words = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "finished results are kept" in words
    assert processes_on(launcher.results) == []
    assert len(launcher.published()) >= 1


def kill_a_submit(launcher: Launcher, after_seconds: float) -> None:
    """SIGKILL it so long after its first trainer began."""
    wait_until(lambda: "running" not in launcher.states().values())  # a killed trainer counts as alive for a while
    before = len(launcher.lives())
    command = launcher.command("submit", "--yes", "--workers", "2")
    submit = subprocess.Popen(command, env=launcher.environment(seconds=1), stderr=subprocess.DEVNULL)
    wait_until(lambda: len(launcher.lives()) > before or submit.poll() is not None)
    time.sleep(after_seconds)
    os.kill(submit.pid, signal.SIGKILL)
    submit.wait()
    wait_until(lambda: processes_on(launcher.results) == [])


@pytest.mark.timeout(900)
def test_ten_kills_at_random_moments_and_every_cell_is_finished_once(launcher: Launcher):
    """Each kill meets at least one trainer at work; nothing that was finished is trained again."""
    launcher.grid(0, 1, 2, 3)
    moments = random.Random(20261124)
    for _ in range(10):
        kill_a_submit(launcher, after_seconds=moments.uniform(0, 1.5))
    assert len(launcher.lives()) >= 10
    done = launcher("submit", "--yes", seconds=0.1)
    assert done.returncode == 0, done.stderr
    finished = Counter(life["cell"] for life in launcher.lives() if life["ended"])
    assert finished.keys() <= {key.split("/")[1] for key in launcher.published()}
    assert all(life["published"] for life in launcher.lives() if life["ended"])
    assert set(finished.values()) == {1}
    assert len(launcher.published()) == 16


def test_a_cell_that_somebody_else_runs_is_awaited(launcher: Launcher):
    """Two launchers on one grid: the second starts nothing that the first is running."""
    command = launcher.command("submit", "--yes", "--workers", "4")
    first = subprocess.Popen(command, env=launcher.environment(seconds=3), stderr=subprocess.DEVNULL)
    wait_until(lambda: len(list(launcher.results.glob("attempts/*/*/*/progress.json"))) == 4)
    second = launcher("submit", "--yes", seconds=3)
    first.communicate(timeout=30)
    assert second.returncode == first.returncode == 0
    assert "waiting" in second.stderr
    assert "start " not in second.stderr
    assert len(launcher.published()) == 4
