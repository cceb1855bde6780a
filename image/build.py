"""`make image`: the dependencies once a lock file, the project on top of them in seconds."""

import shutil
import tempfile
from hashlib import sha256
from pathlib import Path

from contract import __version__
from contract.code_version import code_version
from image.failure import ImageFailed
from image.pip_settings import pip_secrets
from image.settings import ROOT, Settings
from image.tool import Build, Image, Tool

NEEDED_GB = 20
"""Free disk at the worst moment of a build of the dependencies, measured with buildah."""


def build_image(tool: Tool, settings: Settings) -> Image:
    """Raises ImageFailed."""
    arguments = {
        "DEPENDENCIES": dependencies(tool, settings),
        "VERSION": __version__,
        "CODE_VERSION": code_version(),
        "SOURCE": settings.source,
    }
    tool.build(Build("trainer", arguments, name=settings.image, platform=settings.platform))
    return tool.look_at(settings.image)


def dependencies(tool: Tool, settings: Settings) -> str:
    """The name of the image with everything but the project, which is built where it is not there yet."""
    name = f"localhost/emotion-grid/dependencies:{key(settings)}"
    if not tool.has(name):
        if not tool.has(settings.base_image):
            tool.pull(settings.base_image, settings.platform)
        check_disk(tool.storage)
        _build_dependencies(tool, settings, name)
    return name


def key(settings: Settings) -> str:
    """Changes with whatever decides what the image of the dependencies holds."""
    recipe = (ROOT / "Dockerfile").read_text().partition("FROM ${DEPENDENCIES}")[0]
    digest = sha256(f"{recipe}\n{settings.base_image}\n{settings.platform}\n{settings.prune}\n".encode())
    for file in (settings.lock, "image/dependencies.sh", "image/prune.py"):
        digest.update((ROOT / file).read_bytes())
    return digest.hexdigest()[:12]


def _build_dependencies(tool: Tool, settings: Settings, name: str) -> None:
    arguments = {"BASE_IMAGE": settings.base_image, "LOCK": settings.lock, "PRUNE": settings.prune}
    with tempfile.TemporaryDirectory() as folder:
        secrets = pip_secrets(Path(folder))
        tool.build(Build("dependencies", arguments, name=name, platform=settings.platform, secrets=secrets))


def check_disk(storage: Path) -> None:
    """Raises ImageFailed where the first build would fill the disk; docker may keep its images out of sight."""
    if not storage.exists():
        return
    free_gb = shutil.disk_usage(storage).free / 1e9
    if free_gb < NEEDED_GB:
        raise ImageFailed(f"{storage} has {free_gb:.0f} GB free, the first build needs {NEEDED_GB}; free some of it")
