"""What a plan costs, what is too dear, and whether it was right."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contract.opening import open_store
from contract.survey import Done, Missing
from launcher.cells.plan import plan
from launcher.command_line.job_options import JobOptions
from launcher.command_line.settings import FuseSettings
from launcher.costs.fuse import too_dear
from launcher.costs.places import Places, on_cluster, on_nodes
from launcher.costs.price import Price, price_of
from launcher.costs.review import keep_expectation, review
from launcher.estimates.estimate import Estimator, Finished
from launcher.estimates.range import Range
from launcher.jobs.manifest import load_template
from launcher.jobs.nodes import GPU, Node, read_node
from launcher.show.plans import plan_text
from tests.factories import STARTED, publish, success, task
from tests.launcher.program import Launcher
from tests.launcher.test_verbs import tasks_of

CELLS = [task(cell={"model": "bert", "labels": 2, "samples": 800, "seed": seed}) for seed in range(6)]
OPTIONS = JobOptions(image=f"trainer@sha256:{'0' * 64}", owner="somebody")
ON_GPU = {"CUDA_VISIBLE_DEVICES": "0"}


def price(places: Places, gpu_hour_price: float | None = None, cells: int = 5) -> Price:
    """Of cells that take an hour each; the first one is done."""
    measured = Estimator([Finished.of(success(CELLS[0], seconds=3600))], places.device)
    steps = plan(CELLS[: cells + 1], [Done(), *[Missing()] * cells])
    return price_of(steps, measured, places, gpu_hour_price)


def test_gpu_hours_wall_time_and_money() -> None:
    priced = price(Places("gpu", 2), gpu_hour_price=2.5)
    assert (priced.gpu_hours.expected, priced.wall_hours.expected, priced.cost.expected) == (5, 3, 12.5)
    assert priced.gpu_hours.low < 5 < priced.gpu_hours.high
    assert priced.wall_hours.low < 3 < priced.wall_hours.high


def test_a_pod_has_its_gpu_for_longer_than_its_process_runs() -> None:
    priced = price(Places("gpu", 1, turnover_seconds=Range(0, 360, 720)))
    assert priced.gpu_hours.expected == priced.wall_hours.expected == pytest.approx(5.5)
    assert priced.cell_hours.expected == 5


def test_a_processor_takes_no_gpu() -> None:
    """So it has no price, rather than one of nothing, and no limit of GPU-hours is asked."""
    priced = price(Places("cpu", 2), gpu_hour_price=2.5)
    assert priced.gpu_hours is priced.cost is None
    assert priced.wall_hours.expected == 3
    assert too_dear(priced, FuseSettings(max_gpu_hours=0.1), {}) is None


def test_the_plan_says_all_of_it() -> None:
    steps = plan(CELLS, [Done(), *[Missing()] * 5])
    table, summary, whence = plan_text(steps, price(Places("gpu", 2), 2.5)).rsplit("\n", 2)
    assert "bert-l2-n800-s5  run     60 min (48 min to 75 min), measured  no result yet" in table.splitlines()
    assert summary == (
        "6 cells: 1 reuse, 5 run. 5 to run: 5.00 GPU-hours (4.00 to 6.25), "
        "about 3.0 h on 2 GPUs (2.4 h to 3.8 h), 12.50 in all (10.00 to 15.62)."
    )
    assert whence == "Times of cells: 5 measured on cells of the same model and size."


def test_where_the_gpus_are_not_known_the_plan_says_why_and_what_helps() -> None:
    steps = plan(CELLS, [Done(), *[Missing()] * 5])
    told = plan_text(steps, price(Places("gpu", None, "no right to list nodes")))
    assert "wall time unknown: give --gpus N (no right to list nodes)" in told


def test_where_there_is_no_gpu_the_plan_does_not_call_that_unknown() -> None:
    steps = plan(CELLS, [Done(), *[Missing()] * 5])
    told = plan_text(steps, price(Places("gpu", 0, "no node with a GPU suits the Jobs")))
    assert "no wall time as things are (no node with a GPU suits the Jobs); --gpus N plans with some" in told


def gpu_node(gpus: int, **labels: str) -> Node:
    allocatable = {GPU: str(gpus), "cpu": "64", "memory": "256Gi", "ephemeral-storage": "1Ti"}
    metadata = {"name": "n", "labels": {"nvidia.com/gpu.present": "true"} | labels}
    return read_node({"metadata": metadata, "status": {"allocatable": allocatable}})


def test_the_gpus_that_are_there_are_those_of_nodes_that_suit_a_model_of_the_plan() -> None:
    options = OPTIONS.model_copy(update={"node_selector": {"pool": "a"}})
    nodes = [gpu_node(4, pool="a"), gpu_node(8, pool="b"), gpu_node(0, pool="a")]
    assert on_nodes(nodes, options, load_template(), {"bert"}).count == 4
    assert on_nodes(nodes[1:], options, load_template(), {"bert"}) == on_cluster(0, "no node with a GPU suits the Jobs")
    assert on_nodes(None, options, load_template(), {"bert"}) == on_cluster(None, "no right to list nodes")


@pytest.mark.parametrize(
    ("options", "environment", "named"),
    [
        (("--max-gpu-hours", "0.01"), {}, "--max-gpu-hours 0.01"),
        ((), {"LAUNCHER_MAX_GPU_HOURS": "0.01"}, "LAUNCHER_MAX_GPU_HOURS=0.01"),
    ],
)
def test_what_may_take_too_long_is_not_submitted(
    launcher: Launcher, options: tuple[str, ...], environment: dict[str, str], named: str
) -> None:
    shell = launcher.environment() | ON_GPU | environment
    for verb in ("submit", "plan"):
        command = launcher.command(verb, *options, *(["--yes"] if verb == "submit" else []))
        done = subprocess.run(command, env=shell, capture_output=True, text=True)
        told = (done.stderr if verb == "submit" else done.stdout).splitlines()[-1]
        assert done.returncode == (2 if verb == "submit" else 0)
        assert f"more than {named};" in told
        assert "4 cells may take" in told
    assert launcher.published() == []


def test_a_limit_that_is_kept_is_no_obstacle(launcher: Launcher) -> None:
    shell = launcher.environment() | ON_GPU
    command = launcher.command("submit", "--yes", "--max-gpu-hours", "100")
    assert subprocess.run(command, env=shell, capture_output=True).returncode == 0


def test_the_plan_for_machines(launcher: Launcher) -> None:
    """One cell is finished: another of its model is scaled by it, and with wider bounds those of another model."""
    publish(open_store(str(launcher.results)), success(tasks_of(launcher)[0], seconds=100))
    told = launcher.json("plan", "--workers", "2", "--gpu-hour-price", "3")
    assert (told["device"], told["at_a_time"], told["totals"]) == ("cpu", 2, {"reuse": 1, "run": 3})
    assert told["gpu_hours"] is told["cost"] is None
    cells = {cell["cell"]: cell for cell in told["cells"]}
    assert cells["bert-l2-n80-s0"]["seconds"] is None
    assert cells["bert-l4-n80-s0"]["source"] == "measured"
    assert (cells["gemma3-l2-n80-s0"]["source"], cells["gemma3-l2-n80-s0"]["like"]) == ("scaled", "bert-l2-n80-s0")
    assert told["wall_hours"]["expected"] * 3600 == pytest.approx(200, rel=0.02)
    assert told["wall_hours"]["low"] < told["wall_hours"]["expected"] < told["wall_hours"]["high"]


def test_a_plan_may_be_for_gpus_that_are_elsewhere(launcher: Launcher) -> None:
    told = launcher.json("plan", "--gpus", "4", "--gpu-hour-price", "3")
    assert (told["device"], told["at_a_time"]) == ("gpu", 4)
    assert told["cost"]["expected"] == pytest.approx(3 * told["gpu_hours"]["expected"])
    shell = launcher.environment() | {"LAUNCHER_GPUS": "4", "LAUNCHER_GPU_HOUR_PRICE": "3"}
    assert json.loads(subprocess.check_output(launcher.command("plan", "--json"), env=shell)) == told


def test_status_compares_plan_and_fact_once_all_is_done(launcher: Launcher) -> None:
    """Stand-ins say that they took 100 s each."""
    assert launcher.json("status")["plan_and_fact"] is None
    submitted = launcher("submit", "--yes", "--workers", "2")
    assert "4 cells took 0.11 h of work, expected" in submitted.stdout
    told = launcher.json("status")["plan_and_fact"]
    assert told["cells"] == 4
    assert told["cell_hours"]["actual"] == pytest.approx(400 / 3600)
    assert 0 < told["wall_hours"]["actual"] < 0.1
    assert told["wall_hours"]["low"] < told["wall_hours"]["expected"] < told["wall_hours"]["high"]


def test_what_was_expected_first_counts_until_another_cell_is_submitted(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    begun = [STARTED + timedelta(hours=hours) for hours in range(3)]
    for each in CELLS[1:]:
        publish(store, success(each))
    for cells, at in ((4, begun[0]), (2, begun[1])):
        keep_expectation(price(Places("gpu", 1), cells=cells), "run", store, at)
    assert review("run", store, CELLS).expected.made_at == begun[0]
    keep_expectation(price(Places("gpu", 1), cells=5), "run", store, begun[2])
    assert review("run", store, CELLS).expected.made_at == begun[2]


def test_of_a_large_run_a_sample_tells_what_it_took(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    cells = [task(cell={"model": "bert", "labels": 2, "samples": 800, "seed": seed}) for seed in range(300)]
    for each in cells:
        publish(store, success(each, seconds=36 if each.cell.seed < 150 else 108))
    priced = price_of(plan(cells, [Missing()] * 300), Estimator([], "gpu"), Places("gpu", 3), None)
    keep_expectation(priced, "run", store, datetime.now(UTC))
    assert review("run", store, cells).cell_hours == pytest.approx(300 * 72 / 3600, rel=0.03)
    assert review("run", store, cells[1:]) is None
