"""What `make image` says when it cannot work: one line with the way out, and no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from image import build
from image.failure import ImageFailed
from image.tool import reason

ROOT = Path(__file__).parents[2]


def refused(tools: Path, command: str, **settings: str) -> str:
    """The one line of `python -m image` on a machine whose PATH is the folder `tools`."""
    environ = {"PATH": str(tools), **settings}
    done = subprocess.run(
        [sys.executable, "-m", "image", command], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def tool(folder: Path, name: str, script: str) -> None:
    """A program of that name which answers as the real one does."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_no_container_tool(tmp_path: Path):
    assert "install docker, podman or buildah" in refused(tmp_path, "build")


def test_a_client_without_its_daemon(tmp_path: Path):
    """Catches a build that starts with a docker that cannot build."""
    tool(tmp_path, "docker", "echo 'Cannot connect to the Docker daemon. Is the docker daemon running?' >&2; exit 1")
    line = refused(tmp_path, "build")
    assert "no container tool works here; docker says: Cannot connect to the Docker daemon" in line


def test_a_registry_that_refuses_the_base_image(tmp_path: Path):
    words = "Error: initializing source docker://r.example/a:b: reading manifest b in r.example/a: unauthorized"
    tool(tmp_path, "buildah", f"case $1 in info) echo {tmp_path};; pull) echo '{words}' >&2; exit 125;; esac")
    line = refused(tmp_path, "build", BASE_IMAGE="r.example/a:b")
    assert "the base image r.example/a:b cannot be pulled: unauthorized; " in line
    assert "make base-image" in line


def test_a_setting_that_means_nothing(tmp_path: Path):
    tool(tmp_path, "buildah", f"echo {tmp_path}")
    assert "PRUNE=maybe is neither yes nor no" in refused(tmp_path, "build", PRUNE="maybe")
    assert "LOCK=nowhere.txt is not a file of this repository" in refused(tmp_path, "build", LOCK="nowhere.txt")


def test_a_base_image_without_debootstrap(tmp_path: Path):
    tool(tmp_path, "buildah", f"case $1 in info) echo {tmp_path};; *) exit 125;; esac")
    assert "debootstrap" in refused(tmp_path, "base")


def test_a_disk_that_is_too_small_is_named_before_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Catches ten minutes of downloads that end in `no space left on device`."""
    build.check_disk(tmp_path / "of a virtual machine")
    monkeypatch.setattr(build, "NEEDED_GB", 10**6)
    with pytest.raises(ImageFailed, match=rf"^{tmp_path} has \d+ GB free, the first build needs 1000000;"):
        build.check_disk(tmp_path)


@pytest.mark.parametrize(
    ("told", "cause"),
    [
        (
            'Error: pinging registry r: Get "https://r/v2/": dial tcp: lookup r on 10.0.0.1:53: no such host',
            "no such host",
        ),
        ("Error: reading manifest c in 127.0.0.1:5999/a/b: manifest unknown", "manifest unknown"),
        ("first\nError response from daemon: pull access denied for x", "pull access denied for x"),
        ("", "no reason was given"),
    ],
)
def test_the_innermost_cause_is_told(told: str, cause: str):
    assert reason(told) == cause


ROOTLESS = ["unshare", "--user"] if os.geteuid() == 0 else []
"""Before a command that is not to be root."""


@pytest.mark.skipif(
    bool(ROOTLESS) and subprocess.run([*ROOTLESS, "true"], capture_output=True).returncode != 0,
    reason="needs user namespaces to be somebody else: allow them (sysctl), or run it as an ordinary user",
)
@pytest.mark.parametrize(("module", "remedy"), [("image", "sudo make base-image"), ("tests.node", "sudo make e2e")])
def test_what_needs_root_says_so(tmp_path: Path, module: str, remedy: str):
    tool(tmp_path, "buildah", f"case $1 in info) echo {tmp_path};; *) exit 125;; esac")
    environ = dict(os.environ) | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = [*ROOTLESS, sys.executable, "-m", module, "base"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert remedy in line


@pytest.mark.skipif(
    os.geteuid() != 0, reason="run it as root: anybody else is refused before the programs are looked for"
)
def test_a_real_node_without_its_programs_names_their_packages(tmp_path: Path):
    """Catches minutes of building that end in a traceback."""
    command = [sys.executable, "-m", "tests.node", "true"]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=60)
    (line,) = done.stderr.splitlines()
    assert "the real node needs buildah, " in line
    assert "apt-get install buildah " in line
