"""Nothing of the cluster outlives whoever started it, and nothing of it can be reached from another machine."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.cluster.failure import ClusterFailed
from tests.cluster.observe import listeners_of, processes_of
from tests.cluster.processes import Processes
from tests.cluster.waiting import until

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="reads /proc, and only Linux kills the children of the killed"
)
_PROGRAMS = {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "minio"}


@pytest.fixture
def served(cluster_binaries: dict[str, Path], tmp_path: Path) -> "Iterator[subprocess.Popen[str]]":
    """`python -m tests.cluster`, ready, with its folder under this test's."""
    command = [sys.executable, "-m", "tests.cluster", "--nodes", "1"]
    environment = dict(os.environ) | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            exports = [process.stdout.readline() for _ in range(7)] if process.stdout else []
            assert exports[0].startswith("export KUBECONFIG=")
            yield process
        finally:
            process.kill()
            until(lambda: not processes_of(tmp_path), "the processes to end")
            for left in tmp_path.glob("*/"):  # by a SIGKILL: over a hundred megabytes
                shutil.rmtree(left)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda by: by.name)
def test_everything_ends_with_its_starter(served: subprocess.Popen[str], tmp_path: Path, by: signal.Signals) -> None:
    running = processes_of(tmp_path)
    listening = listeners_of(running)
    assert {Path(command.split()[0]).name for command in running.values()} == _PROGRAMS
    # MinIO takes every loopback address there is, ::1 too.
    assert all(ip_address(address).is_loopback for address, _ in listening)
    served.send_signal(by)
    assert served.wait(30) == (-signal.SIGKILL if by == signal.SIGKILL else 0)
    until(lambda: not processes_of(tmp_path), "the processes to end", 5)
    until(lambda: not listening & all_listeners(), "the ports to be closed", 5)
    assert by == signal.SIGKILL or not list(tmp_path.iterdir())


def all_listeners() -> set[tuple[str, int]]:
    return listeners_of({int(entry.name): "" for entry in Path("/proc").glob("[0-9]*")})


def test_failing_start_ends_what_was_started_and_shows_the_log(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho no such flag: $1 >&2\nexit 3\n")
    program.chmod(0o755)
    started = []

    def start_both() -> None:
        with Processes(tmp_path) as processes:
            started.append(processes.start(Path("/bin/sleep"), "1000"))
            processes.start(program, "--x").await_ready(lambda: False)

    with pytest.raises(ClusterFailed, match=r"(?s)program ended with code 3.*no such flag: --x"):
        start_both()
    assert started[0].popen.poll() == -signal.SIGKILL
