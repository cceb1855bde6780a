"""One cell a GPU, and each on its own."""

import json
import subprocess
from pathlib import Path

import pytest

from launcher.machine.gpus import visible_gpus
from tests.launcher.program import Launcher


@pytest.mark.parametrize(
    ("value", "gpus"),
    [("0", ["0"]), ("3, 5", ["3", "5"]), ("GPU-8a3f,GPU-77", ["GPU-8a3f", "GPU-77"]), ("", []), ("-1", [])],
)
def test_what_the_environment_allows_is_what_there_is(value: str, gpus: list[str], tmp_path: Path):
    (tmp_path / "0000:01:00.0").mkdir()
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": value}, driver=tmp_path) == gpus


def test_else_the_driver_tells(tmp_path: Path):
    assert visible_gpus({}, driver=tmp_path / "none") == []
    for bus in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / bus).mkdir()
    assert visible_gpus({}, driver=tmp_path) == ["0", "1"]


def test_cells_at_a_time_and_where_they_run(launcher: Launcher):
    """Two GPUs: two at a time by default, never two on one."""
    environment = launcher.environment(seconds=0.3) | {"CUDA_VISIBLE_DEVICES": "4,6"}
    plan = subprocess.run(launcher.command("plan", "--json"), env=environment, capture_output=True, text=True)
    assert json.loads(plan.stdout)["at_a_time"] == 2
    done = subprocess.run(launcher.command("submit", "--yes"), env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ran = [life for life in launcher.lives() if life["ended"]]
    assert {life["gpu"] for life in ran} == {"4", "6"}
    for one in ran:
        overlapping = [o for o in ran if o["began"] < one["ended"] and one["began"] < o["ended"] and o is not one]
        assert one["gpu"] not in {other["gpu"] for other in overlapping}
