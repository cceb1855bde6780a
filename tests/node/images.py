"""The images of the node, as archives that containerd takes in: no registry is needed."""

import io
import json
import subprocess
import tarfile
from hashlib import sha256
from pathlib import Path

from tests.cluster.failure import ClusterFailed, tail

PAUSE = "localhost/emotion-grid/pause:test"
"""The image of a pod's sandbox, whose usual registry is not reached from everywhere."""


def full_name(image: str) -> str:
    """With a registry: this machine for an image that names none, so that nobody asks Docker's for it."""
    return image if "/" in image else f"localhost/{image}"


def archive(image: str, file: Path) -> None:
    """Write an image of buildah's into a file, in the format that stays uncompressed: containerd unpacks it anyway."""
    ran("buildah", "push", image, f"docker-archive:{file}:{full_name(image)}")


def archive_pause(folder: Path) -> Path:
    """An archive of PAUSE in a new `folder`: one program in one layer."""
    folder.mkdir()
    ran("cc", "-static", "-Os", "-o", folder / "pause", Path(__file__).parent / "pause.c")
    layer = _tar({"pause": (folder / "pause").read_bytes()})
    configuration = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": ["/pause"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [PAUSE], "Layers": ["layer.tar"]}]
    parts = {"manifest.json": manifest, "config.json": configuration}
    file = folder / "pause.tar"
    file.write_bytes(_tar({"layer.tar": layer} | {name: json.dumps(part).encode() for name, part in parts.items()}))
    return file


def _tar(files: dict[str, bytes]) -> bytes:
    """Everybody may read and run them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def ran(*command: str | Path) -> str:
    """What a program printed. Raises ClusterFailed with its last words when it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ClusterFailed(f"{command[0]} failed:\n{tail(done.stderr)}")
    return done.stdout
