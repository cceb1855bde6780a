"""The launcher's kubeconfig, changed."""

from collections.abc import Callable
from typing import Any

import yaml

from tests.launcher.clustered import ClusterLauncher

Change = Callable[[dict[str, Any], dict[str, Any]], None]
"""Of the kubeconfig's cluster and user, in place."""


def changed(launcher: ClusterLauncher, change: Change) -> str:
    """The path of a changed copy."""
    document = yaml.safe_load(launcher.kubeconfig.read_text())
    change(document["clusters"][0]["cluster"], document["users"][0]["user"])
    path = launcher.grid_file.with_name("changed.kubeconfig")
    path.write_text(yaml.safe_dump(document))
    return str(path)


def at(url: str) -> Change:
    """A server elsewhere, of which no certificate is known."""

    def change(cluster: dict[str, Any], user: dict[str, Any]) -> None:
        cluster.clear()
        cluster["server"] = url

    return change


def untrusted(cluster: dict[str, Any], user: dict[str, Any]) -> None:
    """The authority of the server's certificate is not known."""
    del cluster["certificate-authority-data"]


def with_token(token: str) -> Change:
    """Somebody else's, or nobody's."""
    return lambda cluster, user: user.update(token=token)
