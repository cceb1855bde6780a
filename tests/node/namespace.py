"""An overlay of k8s/base for the node: the addresses of its store and its hub, and somebody who may submit."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import yaml

NAMESPACE = "emotion-grid"
PERSON = "anna"
_K8S = Path(__file__).parents[2] / "k8s"


def overlay(folder: Path, store: str, hub: str) -> Path:
    """A kustomization in `folder`, as an operator writes it, with the URLs of the store and of the hub."""
    kustomization = {
        "namespace": NAMESPACE,
        "resources": [os.path.relpath(_K8S / "base", folder.resolve()), "person.yaml"],
        "components": [os.path.relpath(_K8S / "components" / "prefetch", folder.resolve())],
        "patches": [{"path": "store.yaml"}, {"path": "hub.yaml"}],
    }
    ways = {"store": _way_to("store", store), "hub": _way_to("prefetch", hub)}
    parts = {"kustomization": kustomization, "person": _role_binding()} | ways
    for name, content in parts.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return folder


def _role_binding() -> object:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": f"launcher-{PERSON}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "launcher"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": PERSON}],
    }


def _way_to(policy: str, url: str) -> object:
    """In place of the policy's own, as in k8s/overlays/cloud."""
    where = urlsplit(url)
    to = {"to": [{"ipBlock": {"cidr": f"{where.hostname}/32"}}], "ports": [{"protocol": "TCP", "port": where.port}]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": policy},
        "spec": {"egress": [to]},
    }
