"""The images of the node, as archives that containerd takes in: no registry is needed."""

import shutil
import subprocess
from pathlib import Path

from tests.cluster.failure import ClusterFailed, tail

_PAUSE = Path(__file__).parent / "pause.c"
_DOCKERFILE = 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n'


def build_pause(folder: Path, name: str) -> None:
    """Make the image of the sandbox, whose usual registry is not reached from everywhere."""
    ran("cc", "-static", "-Os", "-o", folder / "pause", _PAUSE)
    (folder / "Dockerfile").write_text(_DOCKERFILE)
    ran("buildah", "build", "--isolation", "chroot", "--tag", name, folder)


def archive(image: str, file: Path) -> None:
    """Write an image of buildah's into a file, in the format that stays uncompressed: containerd unpacks it anyway."""
    name = image if "/" in image else f"docker.io/library/{image}"  # as the kubelet completes it
    ran("buildah", "push", image, f"docker-archive:{file}:{name}")


def ran(*command: str | Path) -> str:
    """What a program printed. Raises ClusterFailed with its last words when it fails or is not there."""
    if shutil.which(command[0]) is None:
        raise ClusterFailed(f"the real node needs {command[0]}, which is not installed")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ClusterFailed(f"{command[0]} failed:\n{tail(done.stderr)}")
    return done.stdout
