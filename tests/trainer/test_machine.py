"""The compute type: bf16 where the device has it, else fp32 and said so; never fp16, whatever the environment says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from contract.result import Success, decode
from contract.store import DirStore
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


CELL = {
    "CELL_MODEL": "bert",
    "CELL_LABELS": "2",
    "CELL_SAMPLES": "80",
    "HYPER_EPOCHS": "1",
    "HYPER_PRECISION": "fp32",
    "DATA_SOURCE": "synthetic",
    "MODEL_WEIGHTS": "random",
    "TRAIN_THREADS": "1",
}
SCHEDULER = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}


def test_neither_accelerate_nor_a_scheduler_decides_how_a_cell_trains(tmp_path: Path):
    """fp16 by ACCELERATE_MIXED_PRECISION, and a wait for a second process that never comes."""
    shell = {"ACCELERATE_MIXED_PRECISION": "fp16", "ACCELERATE_USE_FSDP": "true"} | SCHEDULER
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | CELL | shell | {"RESULTS_URI": str(tmp_path / "r")}
    done = subprocess.run([sys.executable, "-m", "trainer"], env=environ, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    store = DirStore(tmp_path / "r")
    (key,) = store.list("results/")
    assert decode(store.get(key), Success).training.dtype == "fp32"
