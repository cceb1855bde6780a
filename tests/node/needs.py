"""What a machine must have for a real node, asked before anything is started."""

import os
import shutil
import tempfile
from pathlib import Path

from tests.cluster.failure import ClusterFailed

PLUGINS = Path("/usr/lib/cni")
_PACKAGES = {
    "buildah": "buildah",
    "cc": "gcc libc6-dev",
    "containerd": "containerd",
    "ctr": "containerd",
    "ip": "iproute2",
    "ipset": "ipset",
    "iptables": "iptables",
    "runc": "runc",
    "unshare": "util-linux",
    str(PLUGINS / "bridge"): "containernetworking-plugins",
}
"""Program -> the package of Debian that has it."""
_NEEDED_GB = 15
"""Free disk while the image is taken in: as an archive, as containerd's content, and unpacked."""


def check_machine() -> None:
    """Raises ClusterFailed, in one line with the way out."""
    if os.geteuid() != 0:
        raise ClusterFailed("the real node needs root: `sudo make e2e`")
    missing = {package: program for program, package in _PACKAGES.items() if shutil.which(program) is None}
    if missing:
        raise ClusterFailed(f"the real node needs {', '.join(missing.values())}: `apt-get install {' '.join(missing)}`")
    folder = tempfile.gettempdir()
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < _NEEDED_GB:
        raise ClusterFailed(
            f"{folder} has {free_gb:.0f} GB free, the real node needs {_NEEDED_GB}: free some of it, or set TMPDIR"
        )
