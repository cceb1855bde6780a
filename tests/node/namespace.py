"""An overlay of k8s/base for the node: the address of its store, and somebody who may submit."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import yaml

NAMESPACE = "emotion-grid"
PERSON = "anna"
_BASE = Path(__file__).parents[2] / "k8s" / "base"


def overlay(folder: Path, store: str) -> Path:
    """A kustomization in `folder`, as an operator writes it; `store` is the store's URL."""
    kustomization = {
        "namespace": NAMESPACE,
        "resources": [os.path.relpath(_BASE, folder.resolve()), "person.yaml"],
        "patches": [{"path": "store.yaml"}],
    }
    parts = {"kustomization": kustomization, "person": _role_binding(), "store": _way_to(store)}
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


def _way_to(store: str) -> object:
    """As in k8s/overlays/cloud."""
    where = urlsplit(store)
    to = {"to": [{"ipBlock": {"cidr": f"{where.hostname}/32"}}], "ports": [{"protocol": "TCP", "port": where.port}]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "store"},
        "spec": {"egress": [to]},
    }
