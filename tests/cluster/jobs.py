"""Jobs for tests of the cluster itself, as plain as a real one may be."""

from typing import Any

from tests.cluster.cluster import GPU


def gpu_job(name: str, annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A Job of one pod that asks for one GPU; `spec` adds to the Job's."""
    container = {
        "name": "trainer",
        "image": "trainer.invalid/trainer:test",
        "resources": {"limits": {GPU: "1"}, "requests": {"cpu": "1", "memory": "1Gi"}},
    }
    pod = {
        "restartPolicy": "Never",
        "tolerations": [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}],
        "containers": [container],
    }
    template = {"metadata": {"annotations": annotations or {}}, "spec": pod}
    return {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": template} | spec}


FAIL_ON_64 = {
    "rules": [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [64]}},
    ]
}
"""A podFailurePolicy: disruptions don't count, exit code 64 is final."""
