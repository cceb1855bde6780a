"""The image as it was built: what it says of itself, what it holds, and a cell that it trains."""

import os
import subprocess
from collections.abc import Callable, Iterator

import pytest

from contract import __version__
from contract.code_version import code_version
from contract.result import Success, decode
from image.tool import Tool, find_tool
from tests.trainer.environment import SMALL

IMAGE = os.environ["BUILT_IMAGE"]
Run = Callable[..., str]


@pytest.fixture(scope="module")
def tool() -> Tool:
    return find_tool()


@pytest.fixture(scope="module")
def run(tool: Tool) -> Iterator[Run]:
    """Runs a command in a container of the image; returns what it printed."""
    with tool.container(IMAGE) as inside:

        def run(*command: str) -> str:
            done = subprocess.run([*inside, *command], capture_output=True, text=True, timeout=500)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        yield run


def test_it_says_what_it_is(tool: Tool):
    told = tool.configuration(IMAGE)
    assert told["User"] == "65532:65532"
    assert told["Entrypoint"] == ["python", "-m", "trainer"]
    labels = {name.rpartition(".")[2]: value for name, value in told["Labels"].items()}
    assert labels["version"] == __version__
    assert labels["revision"] == code_version()
    assert labels["licenses"] == "Apache-2.0"
    assert "source" in labels


def test_help_and_version_without_any_setting(run: Run):
    assert "CELL_MODEL" in run("python", "-m", "trainer", "--help")
    assert run("python", "-m", "trainer", "--version") == f"emotion-grid trainer {__version__}, code {code_version()}\n"


@pytest.mark.parametrize("module", ["pip", "kubernetes", "pytest", "launcher", "tests"])
def test_what_a_cell_does_not_need_is_not_there(run: Run, module: str):
    assert run("python", "-c", f"from importlib.util import find_spec; print(find_spec({module!r}))") == "None\n"


COMPILED = """
import sys, torch, transformers, peft, trainer.run
from pathlib import Path
from types import ModuleType
modules = {name: module for name, module in sys.modules.items() if type(module) is ModuleType}
cached = {name: file for name, module in modules.items() if (file := getattr(module, "__cached__", None))}
print(len(cached) > 1000, [name for name, file in cached.items() if not Path(file).exists()])
"""


def test_everything_is_compiled(run: Run):
    """Catches an image that compiles its packages anew in every cell: its root is read-only."""
    assert run("python", "-c", COMPILED) == "True []\n"


def test_it_runs_as_nobody_and_owns_nothing(run: Run):
    assert run("id", "-u") == "65532\n"
    writable = run("find", "/opt", "/usr", "-xdev", "-writable", "-not", "-type", "l")
    assert writable == ""


def test_a_cell_of_it_publishes_a_result(run: Run):
    settings = [f"{name}={value}" for name, value in (SMALL | {"RESULTS_URI": "/tmp/results"}).items()]
    told = run("env", *settings, "sh", "-c", "python -m trainer >&2 && cat /tmp/results/results/*/*.json")
    result = decode(told.encode(), Success)
    assert result.provenance.code_version == code_version()
    assert {"torch", "transformers", "peft", "bitsandbytes"} <= set(result.provenance.versions)
