"""What containerd and the kubelet leave behind: shims, mounts, cgroups. Everything is found by the node's folder."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.cluster.waiting import until


def sweep(folder: Path) -> None:
    """End what runs from `folder`, unmount what is mounted below it, and remove the pods' cgroups."""
    for process in processes_of(folder):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    until(lambda: not processes_of(folder), f"the processes of {folder} to end")
    for mount in reversed(mounts_below(folder)):
        subprocess.run(["umount", "--lazy", mount], check=False)
    for top in Path("/sys/fs/cgroup").glob("**/kubepods"):
        _remove_cgroups(top)


def processes_of(folder: Path) -> list[int]:
    """Processes that name the folder among their words, and what those started: shims and containers."""
    named = [process for process in _all_processes() if str(folder) in _words(process)]
    return named + [child for shim in named for child in _descendants(shim)]


def mounts_below(folder: Path) -> list[str]:
    """In the order in which they were made."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in points if point.startswith(f"{folder}/")]


def _all_processes() -> list[int]:
    ours = {os.getpid(), os.getppid()}
    return [
        number for entry in Path("/proc").iterdir() if entry.name.isdigit() and (number := int(entry.name)) not in ours
    ]


def _words(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _descendants(process: int) -> list[int]:
    try:
        children = [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []
    return children + [further for child in children for further in _descendants(child)]


def _remove_cgroups(top: Path) -> None:
    for folder, _, _ in os.walk(top, topdown=False):
        with suppress(OSError):  # one that is still ending goes with the next sweep
            Path(folder).rmdir()
