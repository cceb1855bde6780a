"""What `status` says of a cell on its way; how cells end is in test_failure_contract.py."""

import pytest
from kubernetes import client

from tests.cluster.cluster import Cluster
from tests.cluster.endings import ends, never_starts, runs_on
from tests.cluster.waiting import until
from tests.factories import progress, publish
from tests.launcher.clustered import ClusterLauncher

ONE = ("--only", "model=bert,labels=2,samples=80")


def test_what_keeps_a_cell_from_starting(cluster: Cluster, clustered: ClusterLauncher) -> None:
    """No node for the model; an image that is not there; no free GPU; a quota."""
    only = ("--only", "labels=2,samples=80,model=")
    image = clustered.template(never_starts("ImagePullBackOff", "Back-off pulling image"))
    selector = {"LAUNCHER_NODE_SELECTOR": '{"zone":"nowhere"}'}
    with cluster.gpu_nodes(1):
        clustered("submit", "--yes", *only[:1], f"{only[1]}bert", **selector)
        clustered("submit", "--yes", *only[:1], f"{only[1]}gemma3", *image)
        until(lambda: clustered.states()["gemma3-l2-n80-s0"] == "stuck", "the image to be missed")
        clustered("submit", "--yes", *only[:1], f"{only[1]}llama3.2")
        quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
        cluster.core.create_namespaced_resource_quota(clustered.namespace, quota)
        until(lambda: cluster.core.read_namespaced_resource_quota("none", clustered.namespace).status.hard, "the quota")
        clustered("submit", "--yes", *only[:1], f"{only[1]}gpt2-xl")
        shown = {cell["cell"]: cell for cell in clustered.json("status", "--only", "labels=2,samples=80")["cells"]}
    states = {name.partition("-l2")[0]: (cell["state"], cell.get("reason", "")) for name, cell in shown.items()}
    assert states["bert"][0] == "pending"
    assert "no node has the labels" in states["bert"][1]
    assert states["gemma3"][0] == "stuck"
    assert "cannot pull the image: ImagePullBackOff: Back-off pulling image; for another" in states["gemma3"][1]
    assert states["llama3-2"][0] == "pending"
    assert "every GPU is in use" in states["llama3-2"][1]
    assert shown["llama3-2-l2-n80-s0"]["job"]["node"] is None
    assert states["gpt2-xl"][0] == "queued"
    assert "quota" in states["gpt2-xl"][1]


@pytest.mark.parametrize(
    ("ending", "end"),
    [(ends(0), "Complete"), (ends(1), "Failed")],
    ids=["complete without a result", "failed, and may end differently"],
)
def test_a_submit_makes_a_job_that_ended_without_a_result_anew(
    cluster: Cluster, clustered: ClusterLauncher, ending: dict[str, str], end: str
) -> None:
    """Though nobody looked at it in between."""
    with cluster.gpu_nodes(1):
        clustered("submit", "--yes", *ONE, *clustered.template(ending), LAUNCHER_ATTEMPTS="1")
        before = end_of_the_job(clustered, end)
    stored = list(clustered.store().list(""))
    planned = clustered("submit", "--server-dry-run", *ONE)
    assert "would be created  twenty-bert-l2-n80-s0  anew" in planned.stdout
    done = clustered("submit", "--yes", *ONE)
    assert done.returncode == 0, done.stderr
    for words in ("(runs again)", "1 to run", "created  twenty-bert-l2-n80-s0"):
        assert words in done.stderr
    (after,) = clustered.jobs()
    assert after.metadata.uid != before.metadata.uid
    assert list(clustered.store().list("")) == stored


def test_a_submit_leaves_a_job_that_would_end_the_same(cluster: Cluster, clustered: ClusterLauncher) -> None:
    """Though nobody looked at it in between, and its pod alone says so."""
    with cluster.gpu_nodes(1):
        clustered("submit", "--yes", *ONE, *clustered.template(ends(2)))
        before = end_of_the_job(clustered, "Failed")
        done = clustered("submit", "--yes", *ONE)
    assert "would fail again; `retry` insists" in done.stderr
    (after,) = clustered.jobs()
    assert after.metadata.uid == before.metadata.uid


def test_a_job_that_ended_for_another_store_is_not_made_anew(cluster: Cluster, clustered: ClusterLauncher) -> None:
    with cluster.gpu_nodes(1):
        clustered("submit", "--yes", *ONE, *clustered.template(ends(0)))
        before = end_of_the_job(clustered, "Complete")
    elsewhere = (*ONE, "--results-uri", f"{clustered.uri}/elsewhere")
    submitted = clustered("submit", "--yes", *elsewhere)
    assert submitted.returncode == 2
    assert f"RESULTS_URI {clustered.uri}, not" in submitted.stderr.splitlines()[-1]
    assert "nothing to retry" in clustered("retry", *elsewhere).stderr
    (after,) = clustered.jobs()
    assert after.metadata.uid == before.metadata.uid


def end_of_the_job(clustered: ClusterLauncher, end: str) -> client.V1Job:
    """The only one, once it ended."""

    def ended() -> client.V1Job | None:
        (job,) = clustered.jobs()
        return job if end in {condition.type for condition in job.status.conditions or ()} else None

    return until(ended, f"the Job to be {end}")


def test_a_failed_cell_is_retried(cluster: Cluster, clustered: ClusterLauncher) -> None:
    only = ("--only", "model=bert,labels=2,samples=80")
    with cluster.gpu_nodes(1):
        clustered("submit", "--yes", *only, *clustered.template(ends(2)))
        until(lambda: clustered.states(*only) == {"bert-l2-n80-s0": "failed"}, "the cell to fail")
        (before,) = clustered.jobs()
        assert "would fail again; `retry` insists" in clustered("submit", "--yes", *only).stderr
        done = clustered("retry", *only, *clustered.template(runs_on()))
        assert done.returncode == 0, done.stderr
        (after,) = clustered.jobs()
        assert after.metadata.uid != before.metadata.uid
        until(lambda: clustered.states(*only) == {"bert-l2-n80-s0": "running"}, "the cell to run")
        publish(clustered.store(), progress(clustered.tasks()[0]))
        assert "step 300 of 900" in clustered("status", *only).stdout
