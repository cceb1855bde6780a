"""The examples of a queue, on an API server with Kueue: taken without a warning, they lead to an active queue."""

import os
from pathlib import Path

import pytest
import yaml

from launcher.command_line.job_options import JobOptions
from launcher.jobs.kueue import LocalQueue, read_cluster_queue
from launcher.jobs.manifest import load_template, requests
from launcher.jobs.quantity import amount
from launcher.preflight.checks import Verdict
from launcher.preflight.queue_checks import quota_check
from tests.cluster.kueue import Kueue
from tests.cluster.waiting import until
from tests.k8s.conftest import OVERLAYS
from tests.k8s.test_kustomize import review
from tests.launcher.queues import QUEUE, is_active

K8S = OVERLAYS.parent
OPTIONS = JobOptions(image="trainer:dev", owner="somebody")
NAMESPACE = "emotion-grid"


@pytest.fixture
def with_queue(tmp_path: Path) -> Path:
    """An overlay as k8s/README.md shows it."""
    resource, component = (os.path.relpath(K8S / part, tmp_path.resolve()) for part in ("base", "components/kueue"))
    overlay = {"namespace": NAMESPACE, "resources": [resource], "components": [component]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    return tmp_path


def test_the_examples_make_an_active_queue_that_the_launcher_may_look_at(kueue: Kueue, with_queue: Path) -> None:
    kueue.kubectl.apply(kueue.kubectl.kustomize(K8S / "kueue"))
    kueue.kubectl.apply(kueue.kubectl.kustomize(with_queue))
    until(lambda: is_active(kueue, NAMESPACE), f"queue {QUEUE} to be active")
    user = f"system:serviceaccount:{NAMESPACE}:launcher"
    asked = [
        ("get", "batch", "jobs"),
        ("get", "kueue.x-k8s.io", "localqueues"),
        ("list", "kueue.x-k8s.io", "workloads"),
    ]
    assert all(review(kueue.cluster, user, NAMESPACE, *request) for request in asked)
    assert not review(kueue.cluster, user, NAMESPACE, "patch", "kueue.x-k8s.io", "workloads")


def test_the_example_s_quota_is_that_of_eight_cells() -> None:
    _, content = yaml.safe_load_all((K8S / "kueue" / "quota.yaml").read_text())
    queue, template = read_cluster_queue(content), load_template()
    assert quota_check(LocalQueue(QUEUE, queue.name, None), queue, template, OPTIONS, None).verdict is Verdict.OK
    wanted = requests(template["spec"]["template"]["spec"], OPTIONS, None)
    ((quotas,),) = (group.values() for group in queue.groups)
    assert {name: amount(quota) for name, quota in quotas.items()} == {
        n: 8 * amount(each) for n, each in wanted.items()
    }
