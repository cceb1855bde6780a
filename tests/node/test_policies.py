"""The namespace's network policies, enforced: a cell reaches the store and nobody else, a prefetch the hub too."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.cluster.cluster import Cluster
from tests.cluster.minio import Minio
from tests.cluster.waiting import until
from tests.hub import Hub
from tests.node.images import full_name
from tests.node.kubelet import NODE
from tests.node.namespace import NAMESPACE
from tests.node.network import ADDRESS

JOB = Path(__file__).parents[2] / "k8s" / "job.yaml"
LOOK = """
import json, socket, sys, time

def reached(place):
    host, port = place.split(":")
    try:
        socket.create_connection((host, int(port)), 3).close()
    except OSError:
        return False
    return True

time.sleep(5)  # until the firewall has heard of this pod
print(json.dumps({place: reached(place) for place in sys.argv[1:]}))
"""
LISTEN = "import socket\nwith socket.create_server(('', 9000)) as server:\n  while True: server.accept()[0].close()"
Look = Callable[..., dict[str, bool]]


def pod(name: str, component: str, *python: str) -> dict[str, Any]:
    """A pod of the image that Pod Security `restricted` admits."""
    spec = yaml.safe_load(JOB.read_text())["spec"]["template"]["spec"]
    container = {
        "name": "main",
        "image": full_name(os.environ["BUILT_IMAGE"]),
        "command": ["python", "-c", *python],
        "securityContext": spec["containers"][0]["securityContext"],
    }
    kept = {"restartPolicy": "Never", "securityContext": spec["securityContext"], "containers": [container]}
    return {"metadata": {"name": name, "labels": {"app.kubernetes.io/component": component}}, "spec": kept}


@pytest.fixture
def look(cluster: Cluster) -> Look:
    """What a pod reaches of some places, each `host:port`."""

    def look(namespace: str, name: str, component: str, *places: str) -> dict[str, bool]:
        cluster.core.create_namespaced_pod(namespace, pod(name, component, LOOK, *places))
        until(lambda: phase(cluster, namespace, name) == "Succeeded", f"pod {name} to have looked", 120)
        return dict(json.loads(cluster.core.read_namespaced_pod_log(name, namespace, _preload_content=False).data))

    return look


def phase(cluster: Cluster, namespace: str, name: str) -> str:
    return str(cluster.core.read_namespaced_pod(name, namespace).status.phase)


def test_a_cell_reaches_the_store_and_nobody_else(
    cluster: Cluster, namespace: str, store: Minio, hub: Hub, launcher: Path, look: Look
):
    """What a pod of a namespace without policies reaches shows that all of it listens."""
    cluster.core.create_namespaced_pod(NAMESPACE, pod("listener", "store", LISTEN))
    until(lambda: phase(cluster, NAMESPACE, "listener") == "Running", "the listener to run", 120)
    address = cluster.core.read_namespaced_pod("listener", NAMESPACE).status.pod_ip
    kubelet = cluster.core.read_node(NODE).status.daemon_endpoints.kubelet_endpoint.port
    at_store, at_hub = urlsplit(store.endpoint).netloc, urlsplit(hub.endpoint).netloc
    places = at_store, at_hub, f"{ADDRESS}:{kubelet}", f"{address}:9000"
    everybody_s = places[:-1]
    assert look(namespace, "free", "trainer", *everybody_s) == dict.fromkeys(everybody_s, True)
    nobody_s = dict.fromkeys(places, False)
    assert look(NAMESPACE, "cell", "trainer", *places) == nobody_s | {at_store: True}
    assert look(NAMESPACE, "prefetch", "prefetch", *places) == nobody_s | {at_store: True, at_hub: True}
    assert look(NAMESPACE, "other", "other", *places) == nobody_s
