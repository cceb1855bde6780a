from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.launcher.program import Launcher

if TYPE_CHECKING:  # their imports take seconds, which tests without a cluster need not wait for
    from tests.cluster.cluster import Cluster
    from tests.cluster.minio import Minio
    from tests.launcher.clustered import ClusterLauncher


@pytest.fixture
def launcher(tmp_path: Path) -> Launcher:
    return Launcher(tmp_path)


@pytest.fixture
def clustered(cluster: "Cluster", minio: "Minio", tmp_path: Path) -> "Iterator[ClusterLauncher]":
    """Without nodes, on which pods would run."""
    from tests.launcher.clustered import launcher_on

    with launcher_on(cluster, minio, tmp_path) as launcher:
        yield launcher
