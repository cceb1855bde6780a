"""The compute type: bf16 where the device has it, else fp32 and said so; never fp16, whatever the environment says."""

from pathlib import Path

import pytest

from contract.store import DirStore
from tests.trainer.program import result_of, run
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
