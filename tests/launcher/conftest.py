from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.launcher.program import Launcher

if TYPE_CHECKING:
    from tests.cluster.cluster import Cluster
    from tests.cluster.minio import Minio
    from tests.launcher.clustered import ClusterLauncher


@pytest.fixture
def launcher(tmp_path: Path) -> Launcher:
    return Launcher(tmp_path)


@pytest.fixture(scope="module")
def nodes(cluster: "Cluster") -> Iterator[list[str]]:
    with cluster.gpu_nodes(4) as names:
        yield names


@pytest.fixture
def clustered(
    cluster: "Cluster", namespace: str, minio: "Minio", bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> "ClusterLauncher":
    """With the trainer's account; without nodes, on which it would run."""
    from tests.launcher.clustered import ClusterLauncher

    cluster.core.create_namespaced_service_account(namespace, {"metadata": {"name": "trainer"}})
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    return ClusterLauncher(cluster, namespace, bucket, tmp_path, minio.environment())
