"""`make base-image`: Debian with Python and nothing else, where no registry serves a base image."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from image.failure import ImageFailed
from image.settings import LOCAL_BASE, ROOT, Settings
from image.tool import Build, Image, Tool

_PACKAGES = "python3,python3-venv,ca-certificates"
_UNUSED = (
    "dev/*",
    "usr/share/doc/*",
    "usr/share/locale/*",
    "usr/share/man/*",
    "var/cache/apt/*",
    "var/lib/apt/lists/*",
    "var/log/*",
)


def build_base(tool: Tool, settings: Settings) -> Image:
    """Once: an image of that name that is there stays as it is. Raises ImageFailed."""
    if tool.has(LOCAL_BASE):
        return tool.look_at(LOCAL_BASE)
    if os.geteuid() != 0:
        raise ImageFailed("debootstrap needs root; run `sudo make base-image`, or name an image with BASE_IMAGE=")
    if shutil.which("debootstrap") is None:
        raise ImageFailed(
            "debootstrap is not installed; `apt-get install debootstrap`, or name an image with BASE_IMAGE="
        )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root, context = Path(folder) / "root", Path(folder) / "context"
        _debootstrap(root, settings.mirror)
        context.mkdir()
        archive(root, context / "root.tar")
        tool.build(Build("base", {}, name=LOCAL_BASE, file=ROOT / "image/base.Dockerfile", context=context))
    return tool.look_at(LOCAL_BASE)


def _debootstrap(root: Path, mirror: str | None) -> None:
    suite = LOCAL_BASE.rpartition(":")[2]
    command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", suite, str(root)]
    if subprocess.run([*command, *filter(None, [mirror])], stdout=sys.stderr).returncode:
        place = mirror or "its default mirror"
        raise ImageFailed(f"debootstrap could not fetch {suite} from {place}; name another mirror with MIRROR=")


def archive(root: Path, file: Path) -> None:
    """A tar file keeps the owners, which copying a folder into an image would not. Raises ImageFailed."""
    unused = [f"--exclude=./{pattern}" for pattern in _UNUSED]
    if subprocess.run(["tar", "-C", root, "-cf", file, *unused, "."]).returncode:
        raise ImageFailed(f"tar could not write {file}; is the disk full?")
