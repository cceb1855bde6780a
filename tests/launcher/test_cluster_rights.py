"""The Role of k8s/base is what the launcher uses. That it needs no more, every other test of a cluster shows."""

from tests.cluster.cluster import Cluster
from tests.cluster.endings import ends
from tests.cluster.waiting import until
from tests.factories import progress, publish
from tests.launcher.accounts import granted
from tests.launcher.clustered import ClusterLauncher

EVERYBODY_MAY = {("create", "selfsubjectaccessreviews")}
"""By Kubernetes' own role system:basic-user: to ask what one may do."""


def test_the_verbs_use_every_right_of_the_role(cluster: Cluster, clustered: ClusterLauncher) -> None:
    only = ("--only", "model=bert,labels=2,samples=80")
    with cluster.gpu_nodes(1):
        assert clustered("submit", "--yes", *only, *clustered.template(ends(1)), LAUNCHER_ATTEMPTS="1").returncode == 0
        until(lambda: clustered.states(*only) == {"bert-l2-n80-s0": "failed"}, "the cell to fail")
    assert clustered("wait", *only).returncode == 3
    publish(clustered.store(), progress(clustered.tasks()[0]))
    assert "training starts" in clustered("logs", "bert-l2-n80-s0").stdout
    assert clustered("retry", *only).returncode == 0
    cluster.batch.delete_namespaced_job("twenty-bert-l2-n80-s0", clustered.namespace, propagation_policy="Orphan")
    _collide(clustered)
    assert "deleted" in clustered("cancel", "--yes", *only).stdout
    assert used(cluster, clustered.user) - EVERYBODY_MAY == granted()


def _collide(clustered: ClusterLauncher) -> None:
    """A Job of that name that the launcher's LIST does not show, because it has another owner."""
    only = ("--only", "model=bert,labels=2,samples=80")
    assert clustered("submit", "--yes", *only, LAUNCHER_OWNER="else").returncode == 0
    assert "owner else" in clustered("submit", "--yes", *only).stderr
    assert clustered("cancel", "--yes", *only, LAUNCHER_OWNER="else").returncode == 0
    assert clustered("submit", "--yes", *only).returncode == 0


def used(cluster: Cluster, user: str) -> set[tuple[str, str]]:
    used = set()
    for event in cluster.audit(user):
        asked = event["objectRef"]
        assert event["responseStatus"]["code"] != 403, event
        subresource = f"/{asked['subresource']}" if "subresource" in asked else ""
        used.add((event["verb"], f"{asked['resource']}{subresource}"))
    return used
