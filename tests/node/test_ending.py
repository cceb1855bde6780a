"""Nothing of a real node outlives whoever started it. These nodes have enclosures of their own inside this one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIG_DFL, SIGINT, SIGKILL, signal

from tests.cluster.observe import processes_of
from tests.cluster.waiting import until

STANDING = [sys.executable, "-m", "tests.node", sys.executable, "-m", "tests.node.standing"]
BELOW = ("/run/containerd", "/var/lib/cni", "/var/lib/kubelet", "/var/log/containers", "/sys/class/net")
"""Where a node leaves what no option puts elsewhere, and its bridge."""


@contextmanager
def standing_node() -> "Iterator[tuple[subprocess.Popen[str], Path]]":
    """With a running pod, and its folder. All of its processes are one group, as at a terminal."""
    with subprocess.Popen(
        STANDING,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal(SIGINT, SIG_DFL),  # a shell's background job ignores it
    ) as process:
        try:
            assert process.stdout is not None
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def there() -> set[Path]:
    return {entry for folder in BELOW for entry in Path(folder).glob("*")}


def cgroups_of(folder: Path) -> list[Path]:
    return list(Path("/sys/fs/cgroup").glob(f"**/{folder.name}"))


def test_nothing_runs_after_a_sigkill_and_nothing_is_left_after_ctrl_c():
    before = there()
    with standing_node() as (process, killed):
        assert any("containerd-shim" in command for command in processes_of(killed).values())
        process.send_signal(SIGKILL)
        process.wait()
        until(lambda: not processes_of(killed), "the kernel to end the node's processes")
    with standing_node() as (process, interrupted):
        assert not killed.exists()
        assert cgroups_of(killed) == []
        os.killpg(process.pid, SIGINT)
        process.wait(60)
        assert processes_of(interrupted) == {}
        assert not interrupted.exists()
        assert cgroups_of(interrupted) == []
    assert there() == before
