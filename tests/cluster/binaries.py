"""The cluster's programs, built from the Go module proxy once and kept in the user's cache.

Upstream publishes them as images or as downloads of one release host; the module proxy is what a machine without Docker
has, and go.sum says what each byte must be. One module each under modules/, because their dependencies disagree.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from launcher.machine.children import die_with_parent
from tests.cluster.cache import cache_folder, locked, written_aside
from tests.cluster.failure import ClusterFailed, tail
from tests.cluster.toolchain import Go, find_go

MODULES_FOLDER = Path(__file__).parent / "modules"
_BUILD_SECONDS = 3600
"""A bound for a stuck download; a cold build of one program on two busy cores stayed under a third of it."""
_ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -trimpath", "GOTOOLCHAIN": "local", "GOWORK": "off"}


@dataclass(frozen=True)
class Program:
    """A Go package whose binary the cluster runs; `minutes` is what a cold build takes on two cores."""

    package: str
    minutes: int


@dataclass(frozen=True)
class Module:
    """A folder with a go.mod and what is built from it. `stamps` are the variables that hold the version."""

    folder: Path
    requirement: str
    programs: Mapping[str, Program]
    stamps: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The version of the requirement, from go.mod, which alone says it."""
        pattern = rf"^(?:require)?\s+{re.escape(self.requirement)} (v\S+)"
        match = re.search(pattern, (self.folder / "go.mod").read_text(), re.MULTILINE)
        if match is None:
            raise ClusterFailed(f"{self.folder / 'go.mod'} does not require {self.requirement}")
        return match[1]

    @property
    def link_flags(self) -> str:
        """Without symbols, with the version."""
        major, minor, *_ = self.version.removeprefix("v").split(".")
        values = {"version": self.version, "major": major, "minor": minor}
        return " ".join(["-s -w", *(f"-X {name}={value.format(**values)}" for name, value in self.stamps.items())])

    @property
    def cached(self) -> Path:
        """Where its binaries are kept: another go.mod, go.sum or flag is another folder."""
        digest = sha256(f"{self.link_flags}\n{sorted(_ENVIRONMENT.items())}\n{sorted(self.programs)}\n".encode())
        for name in ("go.mod", "go.sum"):
            digest.update((self.folder / name).read_bytes())
        return cache_folder() / "bin" / f"{self.folder.name}-{digest.hexdigest()[:10]}"


KUBERNETES_VERSION = {
    f"{package}.{variable}": value
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    for variable, value in (("gitVersion", "{version}"), ("gitMajor", "{major}"), ("gitMinor", "{minor}"))
}
MODULES = (
    Module(MODULES_FOLDER / "etcd", "go.etcd.io/etcd/server/v3", {"etcd": Program("go.etcd.io/etcd/server/v3", 1)}),
    Module(MODULES_FOLDER / "kwok", "sigs.k8s.io/kwok", {"kwok": Program("sigs.k8s.io/kwok/cmd/kwok", 2)}),
    Module(MODULES_FOLDER / "minio", "github.com/minio/minio", {"minio": Program("github.com/minio/minio", 3)}),
    Module(
        MODULES_FOLDER / "kubernetes",
        "k8s.io/kubernetes",
        {
            "kube-apiserver": Program("k8s.io/kubernetes/cmd/kube-apiserver", 4),
            "kube-controller-manager": Program("k8s.io/kubernetes/cmd/kube-controller-manager", 2),
            "kube-scheduler": Program("k8s.io/kubernetes/cmd/kube-scheduler", 1),
            "kubectl": Program("k8s.io/kubernetes/cmd/kubectl", 1),
        },
        KUBERNETES_VERSION,
    ),
)
KUEUE = Module(MODULES_FOLDER / "kueue", "sigs.k8s.io/kueue", {"kueue": Program("sigs.k8s.io/kueue/cmd/kueue", 4)})
"""Not among them: only tests of a queue want it."""


def binaries() -> dict[str, Path]:
    """Program -> its binary, built first where the cache lacks it. Raises ClusterFailed with Go's last words."""
    return {name: path for module in MODULES for name, path in build(module).items()}


def build(module: Module) -> dict[str, Path]:
    """The module's programs. Whoever comes second waits for the first and finds them built."""
    folder = module.cached
    with locked(folder):
        if not folder.exists():
            go = find_go()
            with written_aside(folder) as aside:
                for name, program in module.programs.items():
                    _build_program(go, module, program, aside / name)
    return {name: folder / name for name in module.programs}


def source(module: Module) -> Path:
    """The folder with the sources of what the module requires. Raises ClusterFailed."""
    command = [str(find_go().path), "mod", "download", "-json", module.requirement]
    environment = dict(os.environ) | _ENVIRONMENT
    done = subprocess.run(command, cwd=module.folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise ClusterFailed(f"no sources of {module.requirement}; Go said:\n{tail(done.stdout + done.stderr)}")
    return Path(json.loads(done.stdout)["Dir"])


def _build_program(go: Go, module: Module, program: Program, output: Path) -> None:
    what = f"{output.name} {module.version}"
    sys.stderr.write(f"building {what} with {go} (first time only, about {program.minutes} min)\n")
    sys.stderr.flush()
    command = [str(go.path), "build", "-ldflags", module.link_flags, "-o", str(output), program.package]
    try:
        done = subprocess.run(
            command,
            cwd=module.folder,
            env=dict(os.environ) | _ENVIRONMENT,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_BUILD_SECONDS,
            preexec_fn=die_with_parent(),
        )
    except subprocess.TimeoutExpired as error:
        raise ClusterFailed(f"building {what} took more than {_BUILD_SECONDS} s; try again") from error
    if done.returncode:
        raise ClusterFailed(f"building {what} failed; Go said:\n{tail(done.stderr)}")


def main() -> int:
    """Build what is missing."""
    try:
        binaries()
        build(KUEUE)
    except ClusterFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
