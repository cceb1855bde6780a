"""Canaries on a real cluster: what is held, who makes its Jobs, and that nobody makes them twice."""

import subprocess
from collections import Counter

import pytest

from launcher.command_line.request import find_cell
from tests.cluster.waiting import until
from tests.factories import publish, success
from tests.launcher.clustered import ClusterLauncher
from tests.launcher.front import Fault
from tests.launcher.test_cluster_faults import misbehaving

BERT = ("--only", "model=bert")
CANARY = "bert-l2-n80-s0"
A_LOOK = ("--timeout", "1s")


def finish(clustered: ClusterLauncher, *cells: str) -> None:
    for cell in cells:
        publish(clustered.store(), success(find_cell(clustered.tasks(), cell)))


def created(words: str) -> int:
    return sum(line.startswith("created ") for line in words.splitlines())


def jobs_by_model(clustered: ClusterLauncher) -> Counter[str]:
    return Counter(job.metadata.labels["emotion-grid/model"] for job in clustered.jobs())


def test_the_rest_of_a_model_waits_for_its_canary(clustered: ClusterLauncher) -> None:
    done = clustered("submit", "--canary", "--yes")
    assert done.returncode == 0, done.stderr
    assert "15 cells held until the canary succeeded" in done.stdout
    assert set(jobs_by_model(clustered).values()) == {1}
    assert Counter(clustered.states().values()) == {"pending": 5, "held": 15}
    finish(clustered, CANARY)
    assert f"its canary {CANARY} succeeded" in clustered("status").stdout
    waited = clustered("wait", *A_LOOK)
    assert waited.returncode == 3
    assert created(waited.stderr) == 3
    assert jobs_by_model(clustered) == {"bert": 4, "gemma3": 1, "gpt2-xl": 1, "llama3.2": 1, "qwen2.5": 1}
    before = clustered.posts()
    clustered("wait", *A_LOOK)
    assert clustered.posts() == before


def test_held_cells_get_the_job_that_their_canary_got(clustered: ClusterLauncher) -> None:
    """Also from a machine with other settings."""
    image = f"the-canary-s@sha256:{'1' * 64}"
    settings = {"LAUNCHER_IMAGE": image, "LAUNCHER_PER_MODEL": '{"bert": {"memory": "7Gi"}}'}
    clustered("submit", "--canary", "--yes", *BERT, *clustered.template({"note": "of my own"}), **settings)
    finish(clustered, CANARY)
    clustered("wait", *BERT, *A_LOOK, LAUNCHER_IMAGE="")
    pods = [job.spec.template for job in clustered.jobs()]
    assert len(pods) == 4
    for pod in pods:
        (container,) = pod.spec.containers
        assert container.image == image
        assert container.resources.limits["memory"] == "7Gi"
        assert pod.metadata.annotations["note"] == "of my own"


def test_two_that_wait_make_one_job_a_cell(clustered: ClusterLauncher) -> None:
    clustered("submit", "--canary", "--yes")
    finish(clustered, CANARY, "gemma3-l2-n80-s0")
    command, environment = clustered.command("wait", *A_LOOK), clustered.environment()
    both = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    words = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [3, 3], words
    assert sum(map(created, words)) == 6
    assert Counter(clustered.states().values()) == {"done": 2, "pending": 9, "held": 9}


@pytest.mark.parametrize("moment", [Fault.DROP_BEFORE, Fault.DROP_AFTER])
def test_a_release_that_was_killed_is_finished_by_the_next_look(clustered: ClusterLauncher, moment: Fault) -> None:
    """SIGKILL as the second of three Jobs is made; two LISTs and a POST went before."""
    wanted = {name: spec for name, spec in clustered.wanted_specs().items() if name.startswith("twenty-bert-")}
    clustered("submit", "--canary", "--yes", *BERT)
    finish(clustered, CANARY)
    victims: list[subprocess.Popen[bytes]] = []

    def kill(number: int) -> Fault:
        if number < 3:
            return Fault.NONE
        victims[0].kill()
        return moment if number == 3 else Fault.DROP_BEFORE

    with misbehaving(clustered, kill) as (_, kubeconfig):
        environment = clustered.environment(KUBECONFIG=kubeconfig, LAUNCHER_CONNECTIONS="1")
        victims.append(subprocess.Popen(clustered.command("wait", *BERT), env=environment, stderr=subprocess.DEVNULL))
        assert victims[0].wait(timeout=60) == -9
    assert len(clustered.jobs()) == 2 + (moment is Fault.DROP_AFTER)
    clustered("wait", *BERT, *A_LOOK)
    assert clustered.specs() == wanted
    assert set(clustered.states(*BERT).values()) == {"done", "pending"}


def test_a_canary_that_failed_ends_the_wait_and_submit_without_it_goes_on(clustered: ClusterLauncher) -> None:
    clustered("submit", "--canary", "--yes", *BERT)
    clustered("cancel", "--yes", CANARY)
    waited = clustered("wait", *BERT)
    assert waited.returncode == 3
    assert f"its canary {CANARY} did not succeed; retry that, or submit without --canary" in waited.stdout
    assert clustered("submit", "--yes", *BERT).returncode == 0
    assert len(clustered.jobs()) == 4
    clustered("cancel", "--yes", *BERT)
    assert set(clustered.states(*BERT).values()) <= {"missing", "ending"}


def test_the_next_submit_makes_the_rest_once_the_canary_succeeded(clustered: ClusterLauncher) -> None:
    clustered("submit", "--canary", "--yes", *BERT)
    assert clustered("submit", "--canary", "--yes", *BERT).returncode == 0
    assert len(clustered.jobs()) == 1
    finish(clustered, CANARY)
    assert clustered("submit", "--canary", "--yes", *BERT).returncode == 0
    assert len(clustered.jobs()) == 4


def test_a_cancelled_cell_is_held_no_more(clustered: ClusterLauncher) -> None:
    clustered("submit", "--canary", "--yes", *BERT)
    finish(clustered, CANARY)
    done = clustered("cancel", "--yes", *BERT)
    assert "let go   bert-l4-n160-s0" in done.stdout
    assert clustered("wait", *BERT).returncode == 3
    assert [job for job in clustered.jobs() if job.metadata.deletion_timestamp is None] == []


def test_a_submit_that_waits_sees_its_canaries_through(clustered: ClusterLauncher) -> None:
    process = subprocess.Popen(
        clustered.command("submit", "--canary", "--wait", "--yes", "--json", *BERT),
        env=clustered.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: len(clustered.jobs()) == 1, "the canary")
    finish(clustered, CANARY)
    until(lambda: len(clustered.jobs()) == 4, "the rest")
    finish(clustered, *(task.cell.id for task in clustered.tasks()[:4]))
    told, words = process.communicate(timeout=60)
    assert process.returncode == 0, words
    assert told.count('"state": "done"') == 4


def test_a_submit_that_waits_gives_up_when_its_time_is_over(clustered: ClusterLauncher) -> None:
    done = clustered("submit", "--wait", "--yes", *BERT, *A_LOOK)
    assert done.returncode == 3
    assert "the time is over: 4 pending" in done.stderr


def test_a_dry_run_shows_the_jobs_that_would_be_made_now(clustered: ClusterLauncher) -> None:
    done = clustered("submit", "--canary", "--dry-run", "-o", "name")
    assert done.stdout.splitlines() == [
        f"job.batch/twenty-{model}-l2-n80-s0" for model in ("bert", "gemma3", "gpt2-xl", "llama3-2", "qwen2-5")
    ]
