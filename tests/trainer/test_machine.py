"""The compute type: bf16 where the device has it, else fp32 and said so; never fp16, whatever the environment says."""

import shutil
import subprocess
from pathlib import Path

import pytest

from contract.folder import DirStore
from contract.result import Failure, decode
from tests.trainer.program import documents, only, result_of, run
from trainer import machine


def test_a_device_without_bf16_falls_back_to_fp32_and_says_why(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "_has_bf16", lambda: False)
    precision = machine.choose_precision("bf16")
    assert precision.name == "fp32"
    assert precision.fallback == f"{machine.device_name()} does not compute in bf16; fp32 is used"
    assert machine.choose_precision("fp32").fallback is None


def test_a_device_with_bf16_needs_no_fallback(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "_has_bf16", lambda: True)
    assert machine.choose_precision("bf16") == machine.Precision("bf16")


SCHEDULER = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}


def test_neither_accelerate_nor_a_scheduler_decides_how_a_cell_trains(tmp_path: Path):
    """fp16 by ACCELERATE_MIXED_PRECISION, and a wait for a second process that never comes."""
    shell = {"ACCELERATE_MIXED_PRECISION": "fp16", "ACCELERATE_USE_FSDP": "true"} | SCHEDULER
    done = run(tmp_path, HYPER_PRECISION="fp32", **shell)
    assert done.returncode == 0, done.stdout + done.stderr
    assert result_of(DirStore(tmp_path)).training.dtype == "fp32"


OLD_DRIVER = """
int cuInit(unsigned int flags) { return 0; }
int cuDriverGetVersion(int *version) { *version = 12080; return 0; }
"""


@pytest.fixture
def old_driver(tmp_path: Path) -> Path:
    """A folder with the driver's library as a node with CUDA 12.8 has it, as far as CUDA asks before it refuses."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler to stand in for the driver")
    folder = tmp_path / "driver"
    folder.mkdir()
    build = [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", folder / "libcuda.so.1"]
    subprocess.run(build, input=OLD_DRIVER, text=True, check=True)
    return folder


def test_a_driver_that_is_too_old_ends_the_cell_in_one_line(tmp_path: Path, old_driver: Path):
    """Catches a cell that occupies a GPU's node for days and trains on its CPU: torch only warns."""
    done = run(tmp_path / "results", LD_LIBRARY_PATH=str(old_driver))
    assert done.returncode == 14, done.stdout + done.stderr
    store = DirStore(tmp_path / "results")
    failure = decode(store.get(only(documents(store, "failure.json"))), Failure)
    assert failure.error == "device-failed"
    assert "driver is too old: it knows CUDA up to 12.8, this torch needs 13." in failure.message
    assert done.stderr == ""
    assert "Traceback" not in done.stdout
