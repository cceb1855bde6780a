"""logs of a pod that runs: through the real API server, from the node that the pod is on."""

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.endings import ends, runs_on
from tests.cluster.kubelet import served_logs
from tests.cluster.waiting import until
from tests.factories import progress, publish
from tests.launcher.clustered import ClusterLauncher

CELL = "bert-l2-n80-s0"


@dataclass(frozen=True)
class Running:
    """A cell whose pod runs, and its log."""

    launcher: ClusterLauncher
    pod: str
    log: Path

    def write(self, line: str) -> None:
        with self.log.open("a") as stream:
            stream.write(f"{line}\n")

    def end(self) -> None:
        self.launcher.cluster.end_pod(self.launcher.namespace, self.pod, ends(0))

    def followed(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.launcher.command("logs", CELL, "-f"),
            env=self.launcher.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell starts its background jobs, such as a run of these tests, with SIGINT ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


@pytest.fixture
def running(cluster: Cluster, clustered: ClusterLauncher, tmp_path: Path) -> Iterator[Running]:
    with cluster.gpu_nodes(1) as (node,), served_logs(cluster, node, tmp_path):
        only = ("--only", "model=bert,labels=2,samples=80")
        assert clustered("submit", "--yes", *only, *clustered.template(runs_on())).returncode == 0

        def started() -> str | None:
            pod = clustered.pod(CELL)
            return pod.metadata.name if pod and pod.status.phase == "Running" else None

        pod = until(started, "the pod to run")
        assert pod is not None
        running = Running(clustered, pod, tmp_path / pod)
        running.write("first line")
        yield running


def test_the_log_of_a_running_pod_is_its_own_and_later_the_store_s(running: Running) -> None:
    launcher = running.launcher
    publish(launcher.store(), progress(launcher.tasks()[0]))
    done = launcher("logs", CELL)
    assert (done.returncode, done.stdout, done.stderr) == (0, "first line\n", "")
    running.write("\x1b[2Jwiped ö")
    assert launcher("logs", CELL).stdout == "first line\n\\x1b[2Jwiped ö\n"
    assert launcher("cancel", "--yes", CELL).returncode == 0
    until(lambda: launcher.pod(CELL) is None, "the pod to be gone")
    done = launcher("logs", CELL, "-f")
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["training starts"])


def test_a_followed_log_comes_line_by_line_until_the_pod_ends(running: Running) -> None:
    with running.followed() as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "first line\n"
        running.write("second line")
        assert following.stdout.readline() == "second line\n"
        assert following.poll() is None
        running.write("last line")
        running.end()
        rest, words = following.communicate(timeout=30)
    assert (following.returncode, rest, words) == (0, "last line\n", "")


def test_ctrl_c_ends_the_following_alone(running: Running) -> None:
    with running.followed() as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "first line\n"
        following.send_signal(signal.SIGINT)
        _, words = following.communicate(timeout=30)
    assert (following.returncode, len(words.splitlines())) == (130, 1)
    assert running.launcher.states()[CELL] == "running"


def test_why_the_log_of_a_running_pod_cannot_be_read_is_told_before_the_store_s(running: Running) -> None:
    """Nothing listens where its node says that the kubelet does."""
    launcher = running.launcher
    node = launcher.cluster.core.read_namespaced_pod(running.pod, launcher.namespace).spec.node_name
    nowhere = {"status": {"daemonEndpoints": {"kubeletEndpoint": {"Port": 9}}}}
    launcher.cluster.core.patch_node_status(node, nowhere)
    why = f"from the store: pod {running.pod} is on node {node}, whose log of it cannot be read: "
    nothing = launcher("logs", CELL)
    assert nothing.returncode == 2
    assert nothing.stderr.startswith(why)
    assert "connection refused" in nothing.stderr.splitlines()[0]
    assert "has left a log" in nothing.stderr.splitlines()[1]
    publish(launcher.store(), progress(launcher.tasks()[0]))
    kept = launcher("logs", CELL)
    assert (kept.returncode, kept.stdout.splitlines()[1:]) == (0, ["training starts"])
    assert kept.stderr.startswith(why)
