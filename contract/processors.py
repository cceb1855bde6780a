"""How many processors this process may use."""

import os
from math import ceil
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def processors() -> int:
    """Those of its affinity, and no more than a container's quota allows."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(here, _quota(_CGROUP) or here))


def _quota(cgroup: Path) -> int | None:
    """Processors by cgroup v2's `cpu.max` or v1's `cpu.cfs_*`; None without a limit."""
    words = _words(cgroup / "cpu.max") or [
        *_words(cgroup / "cpu/cpu.cfs_quota_us"),
        *_words(cgroup / "cpu/cpu.cfs_period_us"),
    ]
    if len(words) != 2 or not all(word.isdecimal() for word in words):  # "max", "-1": no limit
        return None
    quota, period = map(int, words)
    return ceil(quota / period)


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except OSError:
        return []
