"""Everything, from nothing to ready and back."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.certificates import Authority
from tests.cluster.cluster import Cluster
from tests.cluster.control_plane import start_control_plane
from tests.cluster.kueue import Kueue, start_kueue
from tests.cluster.minio import Minio, start_minio
from tests.cluster.processes import LOOPBACK, Processes
from tests.k8s.kubectl import Kubectl


@contextmanager
def running_cluster(binaries: Mapping[str, Path], folder: Path) -> Iterator[Cluster]:
    """A cluster for the length of a `with` block. The logs stay in `folder`, the data goes with it."""
    with _processes(folder) as processes:
        authority = Authority(folder / "pki")
        yield Cluster(start_control_plane(binaries, folder, authority, processes), authority)


@contextmanager
def running_kueue(binaries: Mapping[str, Path], folder: Path) -> Iterator[Kueue]:
    """A cluster of its own, because without its Kueue none of its Jobs can be made."""
    with running_cluster(binaries, folder) as cluster, Processes(folder / "logs") as processes:
        yield start_kueue(cluster, Kubectl(binaries["kubectl"], cluster.kubeconfig), folder, processes)


@contextmanager
def running_minio(binaries: Mapping[str, Path], folder: Path, address: str = LOOPBACK) -> Iterator[Minio]:
    """MinIO for the length of a `with` block. The logs stay in `folder`, the data goes with it."""
    with _processes(folder) as processes:
        yield start_minio(binaries["minio"], folder / "data" / "minio", processes, address)


@contextmanager
def running_minio_with_tls(
    binaries: Mapping[str, Path], folder: Path, authority: Authority, region: str
) -> Iterator[Minio]:
    """The same over TLS, and of a region that it insists on."""
    with _processes(folder) as processes:
        yield start_minio(binaries["minio"], folder / "data" / "minio", processes, region=region, authority=authority)


@contextmanager
def _processes(folder: Path) -> Iterator[Processes]:
    logs = folder / "logs"
    logs.mkdir(parents=True)
    try:
        with Processes(logs) as processes:
            yield processes
    finally:
        shutil.rmtree(folder / "data", ignore_errors=True)
