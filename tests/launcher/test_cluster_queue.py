"""Jobs in a queue of Kueue's: the real controller admits, preempts and lets go; nothing is lost, doubled or failed."""

import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from contract.grid import load_grid
from contract.keys import PODS
from contract.revision import resolve
from contract.task import Task
from tests.cluster.endings import runs_on
from tests.cluster.kueue import Kueue
from tests.cluster.minio import Minio
from tests.cluster.waiting import until
from tests.launcher.accounts import granted
from tests.launcher.clustered import ClusterLauncher, launcher_on
from tests.launcher.queues import QUEUE, URGENT, install_queue, patch_cluster_queue, patch_workload
from tests.launcher.test_cluster_doctor import warned
from tests.launcher.test_cluster_rights import EVERYBODY_MAY, used
from tests.launcher.test_doctor import said
from tests.launcher.test_full_grid import Trainers

QUOTA, NODES = 4, 6
"""More nodes than quota: it is the queue that holds cells back."""
QUEUED = ("--yes", "--queue", QUEUE)
CELL = "bert-l2-n80-s0"
PATIENCE = 240.0
"""Seconds: each look is a whole launcher, on a machine that may do other things."""
ONE = ("--only", "model=bert,labels=2,samples=80")


@pytest.fixture
def queued(kueue: Kueue, minio: Minio, tmp_path: Path) -> Iterator[ClusterLauncher]:
    """In a namespace with a queue of its own."""
    with launcher_on(kueue.cluster, minio, tmp_path, queue=True) as launcher, kueue.cluster.gpu_nodes(NODES):
        install_queue(kueue, launcher.namespace, QUOTA)
        yield launcher


def tasks_of(launcher: ClusterLauncher, *seeds: int) -> list[Task]:
    grid = load_grid(str(launcher.grid_file)).model_copy(update={"seeds": seeds})
    return resolve(grid.tasks(launcher.uri))


def submit(launcher: ClusterLauncher, *options: str) -> None:
    done = launcher("submit", *QUEUED, *options, *launcher.template(runs_on()))
    assert done.returncode == 0, done.stderr


def states(launcher: ClusterLauncher, run: str) -> Counter[str]:
    return Counter(launcher.states("--run", run).values())


def train_until_done(launcher: ClusterLauncher, trainers: Trainers, runs: Sequence[str]) -> None:
    """With `wait` for each of the runs beside the stand-ins for their pods."""
    command, environment = launcher.command("wait", "--run"), launcher.environment()
    waits = [subprocess.Popen([*command, run], env=environment, stderr=subprocess.PIPE, text=True) for run in runs]
    while any(wait.poll() is None for wait in waits):
        trainers.look()
    assert [wait.returncode for wait in waits] == [0] * len(runs), [wait.communicate() for wait in waits]


def assert_each_cell_was_trained_once(launcher: ClusterLauncher, cells: int) -> None:
    """A Job may hear of its pod's end after the result that `wait` awaits is in the store."""
    jobs, store = launcher.jobs(), launcher.store()
    assert len(jobs) == len({job.metadata.labels["emotion-grid/cell"] for job in jobs}) == cells
    until(
        lambda: {(job.status.succeeded, job.status.failed) for job in launcher.jobs()} == {(1, None)},
        "each Job to have one pod that succeeded",
    )
    assert len(list(store.list("results/"))) == cells
    assert list(store.list(PODS)) == []


def test_two_grids_of_different_priority_share_a_quota(queued: ClusterLauncher) -> None:
    """Pods that were told to end do not count against it: Kueue gives their quota on at once."""
    trainers = Trainers(queued, tasks_of(queued, 0, 1, 2))
    grid = ("--grid", str(queued.grid_file))
    submit(queued, *grid, "--run", "patient", "--seeds", "0,1")
    until(
        lambda: states(queued, "patient") == {"running": QUOTA, "queued": 40 - QUOTA},
        "the quota to be used up",
        PATIENCE,
    )
    submit(queued, *grid, "--run", "urgent", "--seeds", "2", "--priority", URGENT)
    until(
        lambda: states(queued, "urgent") == {"running": QUOTA, "queued": 20 - QUOTA}, "the urgent ones to run", PATIENCE
    )
    assert states(queued, "patient") == {"queued": 40}
    assert not any(cell["job"]["attempts"] for cell in queued.json("status", "--run", "patient")["cells"])
    train_until_done(queued, trainers, ["patient", "urgent"])
    assert trainers.most_at_once == QUOTA
    assert_each_cell_was_trained_once(queued, cells=60)


def test_kueue_is_stopped_and_started_in_the_middle(kueue: Kueue, queued: ClusterLauncher) -> None:
    """Cells that run meanwhile go on to their end, and a submit is told what is missing."""
    trainers = Trainers(queued, tasks_of(queued, 0))
    submit(queued, "--only", "model=bert", "--only", "model=gemma3", "--only", "model=gpt2-xl")
    until(lambda: states(queued, "twenty")["running"] == QUOTA, "the quota to be used up", PATIENCE)
    kueue.stop()
    try:
        command, environment = queued.command("submit", *QUEUED), queued.environment(LAUNCHER_CONNECTIONS="1")
        refused = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        until(
            lambda: trainers.look() or states(queued, "twenty")["done"] == QUOTA,
            "the running cells to finish",
            PATIENCE,
        )
        _, words = refused.communicate(timeout=60)
        assert states(queued, "twenty") == {"done": QUOTA, "queued": 12 - QUOTA, "missing": 8}
    finally:
        kueue.start()
    assert refused.returncode == 1
    assert "failed calling webhook" in words.splitlines()[-1]
    submit(queued)
    train_until_done(queued, trainers, ["twenty"])
    assert trainers.most_at_once == QUOTA
    assert_each_cell_was_trained_once(queued, cells=20)


def test_status_says_what_a_cell_waits_for_and_its_place(queued: ClusterLauncher) -> None:
    submit(queued, "--only", "model=bert", "--only", "model=gemma3")
    until(
        lambda: states(queued, "twenty") == {"running": 4, "queued": 4, "missing": 12},
        "the quota to be used up",
        PATIENCE,
    )
    grid = ("--grid", str(queued.grid_file), "--run", "urgent")
    submit(queued, *grid, "--only", "model=qwen2.5,labels=2", "--priority", URGENT)
    until(lambda: states(queued, "urgent")["running"] == 2, "the urgent ones to run", PATIENCE)
    cells = [cell for cell in queued.json("status")["cells"] if cell["state"] == "queued"]
    assert sorted(cell["place"] for cell in cells) == [1, 2, 3, 4, 5, 6]
    assert {cell["queue"] for cell in cells} == {QUEUE}
    told = queued("status").stdout
    assert (
        "in queue cells: couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu" in told
    )


@pytest.mark.parametrize(
    ("options", "state", "words"),
    [
        (("--queue", "nosuch"), "stuck", "queue nosuch does not let it in: LocalQueue nosuch doesn't exist"),
        (("--priority", "nosuch"), "queued", "in queue cells: Kueue has not taken it up"),
    ],
)
def test_a_name_that_kueue_does_not_know(
    queued: ClusterLauncher, options: tuple[str, str], state: str, words: str
) -> None:
    submit(queued, *ONE, *options)
    until(lambda: words in queued("status", *ONE).stdout, words, PATIENCE)
    assert queued.states(*ONE) == {CELL: state}


def test_a_deactivated_cell_has_failed_and_a_retry_makes_it_anew(kueue: Kueue, queued: ClusterLauncher) -> None:
    """Its Job stays suspended for ever, which nobody should wait for."""
    submit(queued, *ONE)
    until(lambda: queued.states(*ONE) == {CELL: "running"}, "the cell to run", PATIENCE)
    (before,) = queued.jobs()
    patch_workload(kueue, queued.namespace, {"active": False})
    until(lambda: queued.states(*ONE) == {CELL: "failed"}, "the cell to be let go", PATIENCE)
    waited = queued("wait", *ONE)
    assert waited.returncode == 3
    assert "deactivated: The workload is deactivated (a retry may help)" in waited.stdout
    assert queued("retry", "--queue", QUEUE, *ONE, *queued.template(runs_on())).returncode == 0
    until(lambda: queued.states(*ONE) == {CELL: "running"}, "the cell to run again", PATIENCE)
    (after,) = queued.jobs()
    assert after.metadata.uid != before.metadata.uid


def test_a_cell_that_ran_too_long_in_all_has_failed_and_a_submit_makes_it_anew(
    kueue: Kueue, queued: ClusterLauncher
) -> None:
    patch_cluster_queue(kueue, queued.namespace, {"stopPolicy": "Hold"})
    submit(queued, *ONE)
    (before,) = queued.jobs()
    shorter = {"metadata": {"labels": {"kueue.x-k8s.io/max-exec-time-seconds": "1"}}}
    queued.cluster.batch.patch_namespaced_job(before.metadata.name, queued.namespace, shorter)
    patch_cluster_queue(kueue, queued.namespace, {"stopPolicy": "None"})
    until(lambda: queued.states(*ONE) == {CELL: "failed"}, "the cell's time to be over", PATIENCE)
    assert "job-deadline" in queued("wait", *ONE).stdout
    submit(queued, *ONE)
    (after,) = queued.jobs()
    assert after.metadata.uid != before.metadata.uid


def test_the_role_with_a_queue_is_what_the_launcher_uses(queued: ClusterLauncher) -> None:
    queued("doctor", "--queue", QUEUE)
    submit(queued)
    queued("status")
    asked = used(queued.cluster, queued.user) - EVERYBODY_MAY - {("create", "selfsubjectreviews")}
    assert asked <= granted(queue=True)
    assert asked >= granted(queue=True) - granted()


def test_doctor_looks_at_the_queue(kueue: Kueue, queued: ClusterLauncher) -> None:
    """First as somebody who may submit, then as somebody who may look everywhere."""
    told = said(queued.json("doctor", "--queue", QUEUE, "--priority", URGENT))
    assert told[f"ok queue {QUEUE}"] == f"is active, and leads to ClusterQueue {queued.namespace}"
    assert {"not verified quota", f"not verified priority {URGENT}"} <= set(told)
    assert "is not there, or Kueue is not" in said(queued.json("doctor", "--queue", "nosuch"))["FAIL queue nosuch"]
    queued.kubeconfig = kueue.cluster.kubeconfig
    told = said(queued.json("doctor", "--queue", QUEUE, "--priority", URGENT))
    assert {f"ok queue {QUEUE}", "ok quota", f"ok priority {URGENT}"} <= set(told)
    assert "FAIL priority nosuch" in said(queued.json("doctor", "--queue", QUEUE, "--priority", "nosuch"))


def test_a_plan_counts_the_gpus_of_the_quota(kueue: Kueue, queued: ClusterLauncher) -> None:
    queued.kubeconfig = kueue.cluster.kubeconfig
    assert queued.json("plan")["at_a_time"] == NODES
    assert queued.json("plan", LAUNCHER_QUEUE=QUEUE)["at_a_time"] == QUOTA
    assert queued.json("plan", "--queue", QUEUE)["at_a_time"] == QUOTA
    told = queued.json("plan", "--queue", QUEUE, "--namespace", "elsewhere")
    assert told["at_a_time"] == NODES, "no queue there"


def test_a_queue_that_admits_nothing_is_told_before_jobs_are_made(kueue: Kueue, queued: ClusterLauncher) -> None:
    install_queue(kueue, queued.namespace, gpus=0)
    patch_cluster_queue(kueue, queued.namespace, {"stopPolicy": "Hold"})
    queued.kubeconfig = kueue.cluster.kubeconfig
    failed = until(
        lambda: said(queued.json("doctor", "--queue", QUEUE)).get(f"FAIL queue {QUEUE}"), "the queue to stop"
    )
    assert "admits nothing" in failed
    warnings = warned(queued("submit", *QUEUED, *ONE))
    assert any("no cell ever fits" in line and "nvidia.com/gpu 0 in flavor gpu" in line for line in warnings)
    until(lambda: queued.states(*ONE) == {CELL: "stuck"}, "Kueue to say so", PATIENCE)
