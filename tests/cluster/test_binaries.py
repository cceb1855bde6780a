"""Programs are built once, whole or not at all, from what go.mod says."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cluster.binaries import KUEUE, MODULES, Module, Program, build
from tests.cluster.failure import ClusterFailed
from tests.cluster.toolchain import find_go

SOURCE = """package main

var version, minor string

func main() { print(version, " ", minor) }
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of ours; Go keeps its own, which only makes it faster."""
    monkeypatch.setenv("GOCACHE", subprocess.check_output([find_go().path, "env", "GOCACHE"], text=True).strip())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "emotion-grid" / "bin"


@pytest.fixture
def tool(tmp_path: Path) -> Module:
    """A module that requires a program of one file."""
    module, required = tmp_path / "tool", tmp_path / "tool" / "required"
    required.mkdir(parents=True)
    replace = "replace example.invalid/hello => ./required"
    (module / "go.mod").write_text(f"module tool\n\ngo 1.26\n\nrequire example.invalid/hello v1.2.3\n\n{replace}\n")
    (module / "go.sum").touch()
    (required / "go.mod").write_text("module example.invalid/hello\n\ngo 1.26\n")
    (required / "main.go").write_text(SOURCE)
    stamps = {"main.version": "{version}", "main.minor": "{minor}"}
    return Module(module, "example.invalid/hello", {"hello": Program("example.invalid/hello", 1)}, stamps)


def test_program_carries_the_version_of_go_mod(tool: Module) -> None:
    told = subprocess.run([build(tool)["hello"]], capture_output=True, text=True).stderr
    assert told == "v1.2.3 2"


@pytest.mark.parametrize("module", [*MODULES, KUEUE], ids=lambda module: module.folder.name)
def test_each_module_requires_what_it_builds(module: Module) -> None:
    assert module.version.startswith("v")


def test_two_at_once_build_once(tool: Module, capsys: pytest.CaptureFixture[str]) -> None:
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(build, [tool, tool])
    assert first == second
    assert capsys.readouterr().err.count("building hello v1.2.3 with Go 1.") == 1


def test_failing_build_says_what_go_said_and_leaves_nothing(tool: Module, cache: Path) -> None:
    (tool.folder / "required" / "main.go").write_text("package main\n\nfunc main() { nosuch() }\n")
    with pytest.raises(ClusterFailed, match=r"(?s)building hello v1.2.3 failed.*undefined: nosuch"):
        build(tool)
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


def test_leftovers_of_a_killed_build_are_replaced(tool: Module) -> None:
    aside = tool.cached.with_name(f"{tool.cached.name}.unfinished")
    aside.mkdir(parents=True)
    (aside / "hello").write_text("half a program")
    assert build(tool)["hello"].stat().st_size > 1000
    assert not aside.exists()


def test_another_go_sum_is_another_folder(tool: Module) -> None:
    before = tool.cached
    (tool.folder / "go.sum").write_text("example.invalid/other v1.0.0 h1:=\n")
    assert tool.cached != before


def test_old_go_on_path_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = go_that_says("go1.21.13", tmp_path / "bin")
    packaged = go_that_says("go1.26.6", tmp_path / "cache" / "emotion-grid" / "go-1.26.6" / "go" / "bin")
    monkeypatch.setenv("PATH", f"{old.parent}:/usr/bin:/bin")
    assert find_go().path == packaged


def go_that_says(version: str, folder: Path) -> Path:
    folder.mkdir(parents=True)
    go = folder / "go"
    go.write_text(f"#!/bin/sh\necho go version {version} linux/amd64\n")
    go.chmod(0o755)
    return go
