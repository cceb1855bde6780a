"""Queues of Kueue's for tests, from the examples in k8s/."""

from collections.abc import Mapping
from typing import Any

import yaml
from kubernetes import client

from tests.cluster.cluster import GPU
from tests.cluster.kueue import Kueue
from tests.cluster.waiting import until
from tests.launcher.accounts import K8S

QUEUE = "cells"
GROUP, VERSION = "kueue.x-k8s.io", "v1beta2"
URGENT = "urgent"

Content = dict[str, Any]


def install_queue(kueue: Kueue, namespace: str, gpus: int, **quotas: str) -> str:
    """A LocalQueue for the namespace and a ClusterQueue with this quota behind it, whose name is returned."""
    flavor, cluster_queue = yaml.safe_load_all((K8S / "kueue" / "quota.yaml").read_text())
    local_queue = yaml.safe_load((K8S / "components" / "kueue" / "queue.yaml").read_text())
    cluster_queue["metadata"]["name"] = local_queue["spec"]["clusterQueue"] = namespace
    cluster_queue["spec"]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] = namespace
    _set_quota(cluster_queue, {GPU: str(gpus), "cpu": "1k", "memory": "9Ti", "ephemeral-storage": "9Ti"} | quotas)
    local_queue["metadata"]["namespace"] = namespace
    priority = yaml.safe_load((K8S / "kueue" / "priority.yaml").read_text())
    kueue.kubectl.apply(yaml.safe_dump_all([flavor, cluster_queue, local_queue, priority]))
    until(lambda: is_active(kueue, namespace), "the queue to be active")
    return namespace


def is_active(kueue: Kueue, namespace: str, queue: str = QUEUE) -> bool:
    """Whether Kueue says so."""
    status = custom(kueue).get_namespaced_custom_object(GROUP, VERSION, namespace, "localqueues", queue).get("status")
    conditions = {each["type"]: each["status"] for each in (status or {}).get("conditions", ())}
    return conditions.get("Active") == "True"


def custom(kueue: Kueue) -> client.CustomObjectsApi:
    """Kueue's objects, seen by the administrator."""
    return client.CustomObjectsApi(kueue.cluster.api)


def patch_cluster_queue(kueue: Kueue, name: str, spec: Content) -> None:
    custom(kueue).patch_cluster_custom_object(GROUP, VERSION, "clusterqueues", name, {"spec": spec})


def patch_workload(kueue: Kueue, namespace: str, spec: Content) -> None:
    """Of the only one in the namespace."""
    (workload,) = workloads(kueue, namespace)
    name = workload["metadata"]["name"]
    custom(kueue).patch_namespaced_custom_object(GROUP, VERSION, namespace, "workloads", name, {"spec": spec})


def workloads(kueue: Kueue, namespace: str) -> list[Content]:
    """Of the namespace."""
    return custom(kueue).list_namespaced_custom_object(GROUP, VERSION, namespace, "workloads")["items"]


def _set_quota(cluster_queue: Content, quotas: Mapping[str, str]) -> None:
    (group,) = cluster_queue["spec"]["resourceGroups"]
    (flavor,) = group["flavors"]
    flavor["resources"] = [{"name": name, "nominalQuota": quotas[name]} for name in group["coveredResources"]]
