"""docker, podman or buildah: one way to build an image, to look at it and to push it."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from image.failure import ImageFailed
from image.settings import ROOT

Name = Literal["docker", "podman", "buildah"]
_STORAGE: Mapping[Name, str] = {
    "docker": "{{.DockerRootDir}}",
    "podman": "{{.Store.GraphRoot}}",
    "buildah": '{{index .store "GraphRoot"}}',
}
"""Where `info` says that images are kept."""

_ENVIRONMENT = {"DOCKER_BUILDKIT": "1", "BUILDAH_LAYERS": "true", "BUILDAH_ISOLATION": "chroot"}
"""What makes the three alike, unless the user says otherwise. A chroot needs no runtime and works in a container."""


@dataclass(frozen=True)
class Build:
    """A stage of a Dockerfile, its arguments and secrets (id -> file), and what becomes of it: an image or a folder."""

    stage: str
    arguments: Mapping[str, str]
    name: str | None = None
    folder: Path | None = None
    file: Path = ROOT / "Dockerfile"
    context: Path = ROOT
    platform: str = ""
    secrets: Mapping[str, Path] = field(default_factory=dict)

    def options(self) -> list[str]:
        """As all three tools spell them."""
        options = ["--file", str(self.file), "--target", self.stage, "--pull=false"]
        options += ["--tag", self.name] if self.name else []
        options += ["--output", f"type=local,dest={self.folder}"] if self.folder else []
        options += ["--platform", self.platform] if self.platform else []
        for name, value in self.arguments.items():
            options += ["--build-arg", f"{name}={value}"]
        for name, file in self.secrets.items():
            options += ["--secret", f"id={name},src={file}"]
        return options


@dataclass(frozen=True)
class Image:
    """An image on this machine; `digest` is that of its configuration, which a push leaves as it is."""

    name: str
    digest: str
    size: str

    def __str__(self) -> str:
        return f"{self.name}  {self.digest}  {self.size}"


@dataclass(frozen=True)
class Tool:
    """A container tool that works, and the folder where it keeps its images."""

    name: Name
    storage: Path

    def has(self, image: str) -> bool:
        """Whether the image is on this machine."""
        done = _asked([self.name, "images", "--quiet", image])
        return done.returncode == 0 and bool(done.stdout.strip())

    def pull(self, image: str, platform: str) -> None:
        """Raises ImageFailed with the registry's reason."""
        done = _asked([self.name, "pull", *(["--platform", platform] if platform else []), image])
        if done.returncode:
            raise ImageFailed(
                f"the base image {image} cannot be pulled: {reason(done.stderr)}; "
                "name another with BASE_IMAGE=, or make one of Debian's packages with `make base-image`"
            )

    def build(self, build: Build) -> None:
        """Shows the tool's own words meanwhile. Raises ImageFailed."""
        last = _shown([self.name, "build", *build.options(), str(build.context)])
        if last is None:
            return
        if "no space left on device" in last.lower():
            raise ImageFailed(
                f"the disk under {self.storage} is full; free some of it, or `{self.name} rmi` old images"
            )
        raise ImageFailed(f"{self.name} could not build {build.name or build.stage}; its reason stands above")

    def look_at(self, image: str) -> Image:
        """The image with its size, unpacked."""
        told = _asked([self.name, "images", "--no-trunc", "--format", "{{.ID}} {{.Size}}", image]).stdout
        digest, _, size = told.splitlines()[0].partition(" ")
        return Image(image, digest, size.strip())

    def configuration(self, image: str) -> dict[str, Any]:
        """The image's `config` object of the OCI specification: User, Entrypoint, Env, Labels and so on."""
        match self.name:
            case "docker" | "podman":
                (found,) = json.loads(_asked([self.name, "image", "inspect", image]).stdout)
                return dict(found["Config"])
            case "buildah":
                found = json.loads(_asked(["buildah", "inspect", "--type", "image", image]).stdout)
                return dict(found["OCIv1"]["config"])

    @contextmanager
    def container(self, image: str) -> Iterator[list[str]]:
        """The words before a command that is to run in a container of the image, which is gone afterwards."""
        match self.name:
            case "docker" | "podman":
                yield [self.name, "run", "--rm", "--network", "none", "--entrypoint", "", image]
            case "buildah":
                made = _asked(["buildah", "from", "--pull=never", image]).stdout.strip()
                try:
                    yield ["buildah", "run", "--isolation", "chroot", made, "--"]
                finally:
                    _asked(["buildah", "rm", made])


def find_tool() -> Tool:
    """The first that answers. Raises ImageFailed when none does, and says why of those that are there."""
    silent = []
    for name in get_args(Name):
        if shutil.which(name) is None:
            continue
        done = _asked([name, "info", "--format", _STORAGE[name]])
        if done.returncode == 0:
            return Tool(name, Path(done.stdout.strip()))
        silent.append(f"{name} says: {reason(done.stderr)}")
    if silent:
        raise ImageFailed(f"no container tool works here; {'; '.join(silent)}")
    raise ImageFailed("no container tool here; install docker, podman or buildah (`apt-get install buildah`)")


def reason(told: str) -> str:
    """The innermost cause in the last line of a tool's words, which name each layer that it went through."""
    lines = told.strip().splitlines() or ["no reason was given"]
    return re.split(r": (?=[a-z0-9])", lines[-1])[-1].removeprefix("Error: ")


def _asked(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=_environment(), capture_output=True, text=True)


def _shown(command: Sequence[str]) -> str | None:
    """Run the command with its output on stderr. Returns the last lines of it where it failed."""
    last: deque[str] = deque(maxlen=20)
    with subprocess.Popen(
        command, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout or ():
            sys.stderr.write(line)
            last.append(line)
    return "".join(last) if process.returncode else None


def _environment() -> dict[str, str]:
    return _ENVIRONMENT | os.environ
