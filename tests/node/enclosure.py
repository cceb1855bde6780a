"""A place of its own for a command and all that it starts: a network, processes and mounts that nobody else sees.

The kernel clears it when the command ends, whatever ends it: no process, mount, bridge or firewall rule is left, also
after a SIGKILL. Its folder and its cgroups are removed here, those of a killed run by the next.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from launcher.machine.children import die_with_parent
from tests.cluster.waiting import until

FOLDER = "NODE_FOLDER"
"""Environment variable: where all that the node writes goes. The cgroup of its pods has the folder's name."""
_PREFIX = "emotion-grid-node-"
_CGROUPS = Path("/sys/fs/cgroup")
_WRITTEN = ("/run/containerd", "/var/lib/cni", "/var/lib/kubelet", "/var/log/containers")
"""Where containerd, its plugins and the kubelet write whatever they are told."""
_SCRIPT = f"""set -e
ip link set lo up
for place in {" ".join(_WRITTEN)}; do mount -t tmpfs tmpfs $place; done
"$@"
"""
_NAMESPACES = ("--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")


def run_enclosed(command: Sequence[str]) -> int:
    """The command's exit code. It takes root."""
    _remove_left()
    with _own_folder() as folder, _mount_points(), _own_cgroups(folder.name):
        process = subprocess.Popen(
            ["unshare", *_NAMESPACES, "sh", "-c", _SCRIPT, "sh", *command],
            env=dict(os.environ) | {FOLDER: str(folder)},
            preexec_fn=die_with_parent(),
        )
        try:
            return _awaited(process)
        finally:
            process.kill()


def _awaited(process: subprocess.Popen[bytes]) -> int:
    while True:
        with suppress(KeyboardInterrupt):  # Ctrl-C reaches the command too, which ends what it started
            return process.wait()


@contextmanager
def _own_folder() -> Iterator[Path]:
    """Locked as long as it is in use."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def _remove_left() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError), (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove_cgroups(folder.name)
            shutil.rmtree(folder)


@contextmanager
def _mount_points() -> Iterator[None]:
    """Those that the machine lacks are there for the length of a `with` block."""
    with ExitStack() as stack:
        for place in map(Path, _WRITTEN):
            if not place.exists():
                place.mkdir(parents=True)
                stack.callback(place.rmdir)
        yield


@contextmanager
def _own_cgroups(name: str) -> Iterator[None]:
    """A kubelet ends whatever runs in its root and is not known to it, so it gets one of its own."""
    for top in _hierarchies():
        (top / name).mkdir()
    try:
        yield
    finally:
        until(lambda: _remove_cgroups(name), f"the cgroups {name} to be empty")


def _hierarchies() -> list[Path]:
    """Version 1 has one for each controller, version 2 a single one."""
    unified = (_CGROUPS / "cgroup.controllers").exists()
    return [_CGROUPS] if unified else [each for each in _CGROUPS.iterdir() if each.is_mount()]


def _remove_cgroups(name: str) -> bool:
    """Whether all are gone."""
    tops = [hierarchy / name for hierarchy in _hierarchies()]
    for folder in (folder for top in tops for folder, _, _ in os.walk(top, topdown=False)):
        with suppress(OSError):  # a process in it is still ending
            Path(folder).rmdir()
    return not any(top.exists() for top in tops)
