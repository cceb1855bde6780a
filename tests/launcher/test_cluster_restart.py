"""The API server restarts in the middle of a submit."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.minio import Minio
from tests.cluster.running import running_cluster
from tests.cluster.waiting import until
from tests.launcher.clustered import launcher_on


@pytest.fixture(scope="module")
def own_cluster(cluster_binaries: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Which nobody else uses."""
    with running_cluster(cluster_binaries, tmp_path_factory.mktemp("own-cluster")) as running:
        yield running


@pytest.mark.parametrize("grace_seconds", [0, 20], ids=["killed", "asked to end"])
def test_a_submit_outlasts_a_restart_of_the_api_server(
    own_cluster: Cluster, minio: Minio, tmp_path: Path, grace_seconds: float
) -> None:
    """Which, once asked to end, takes no new connection and waits a minute for the watches of the controllers."""
    with launcher_on(own_cluster, minio, tmp_path) as launcher:
        wanted = launcher.wanted_specs()
        slowly = launcher.environment(LAUNCHER_REQUESTS_PER_SECOND="2")
        submit = subprocess.Popen(launcher.command("submit", "--yes"), env=slowly, stderr=subprocess.PIPE, text=True)
        until(lambda: len(launcher.jobs()) >= 3, "a part of the Jobs")
        assert len(launcher.jobs()) < len(wanted)
        own_cluster.restart_api_server(grace_seconds)
        _, words = submit.communicate(timeout=120)
        assert submit.returncode == 0, words
        assert launcher.specs() == wanted
