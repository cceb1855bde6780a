"""The fixtures `cluster`, `namespace`, `kueue`, `minio` and `bucket`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster.binaries import KUEUE, binaries, build

if TYPE_CHECKING:  # their imports take a second, which other tests need not wait for
    from tests.cluster.cluster import Cluster
    from tests.cluster.kueue import Kueue
    from tests.cluster.minio import Minio

_GROUP = "cluster"


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """All tests of the cluster go to one worker, so that one is started; a first build is not the test's own time."""
    for item in items:
        if "cluster_binaries" not in getattr(item, "fixturenames", ()):
            continue
        if config.pluginmanager.hasplugin("xdist"):
            item.add_marker(pytest.mark.xdist_group(_GROUP))
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(func_only=True))


@pytest.fixture(scope="session")
def cluster_binaries(pytestconfig: pytest.Config) -> dict[str, Path]:
    """Program -> its binary, built first where the cache lacks it."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():  # minutes of silence would look like a hang
        return binaries()


@pytest.fixture(scope="session")
def cluster(cluster_binaries: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Cluster]":
    """The one cluster of this run, without nodes."""
    from tests.cluster.running import running_cluster

    with running_cluster(cluster_binaries, tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def namespace(cluster: "Cluster") -> Iterator[str]:
    """A namespace for this test."""
    with cluster.namespace() as name:
        yield name


@pytest.fixture(scope="session")
def kueue(
    cluster_binaries: dict[str, Path], pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[Kueue]":
    """The one Kueue of this run, on a cluster of its own without nodes; its binary is built first where it lacks."""
    from tests.cluster.running import running_kueue

    with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        build(KUEUE)
    with running_kueue(cluster_binaries, tmp_path_factory.mktemp("kueue")) as running:
        yield running


@pytest.fixture(scope="session")
def minio(cluster_binaries: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Minio]":
    """The one MinIO of this run."""
    from tests.cluster.running import running_minio

    with running_minio(cluster_binaries, tmp_path_factory.mktemp("minio")) as running:
        yield running


@pytest.fixture
def bucket(minio: "Minio", request: pytest.FixtureRequest) -> str:
    """An empty bucket for this test."""
    return minio.new_bucket(re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:40].strip("-"))
