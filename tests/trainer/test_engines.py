"""The fast engine against the reference: the same bits where it only keeps what would be computed again, else close."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers.models.bert.modeling_bert import BertSelfAttention

from contract.folder import DirStore
from tests.trainer.program import result_of, run
from tests.trainer.small_cell import Cell
from trainer import reference
from trainer.fast import engine
from trainer.fast.engine import Training
from trainer.fast.randomness import Stream, replace_dropout
from trainer.fast.shortcuts import Shortcuts, lighten
from trainer.work import write_weights

FAMILIES = ("qwen2.5", "llama3.2", "gpt2-xl", "gemma3", "bert")
EXACT = Shortcuts(weights="packed", fused=False, stream_dropout=False, multiple=1, graphs=False)
ON_A_CPU = replace(EXACT, fused=True, stream_dropout=True)
PADDED = replace(EXACT, weights="dequantised", multiple=32)
"""As on a GPU, but for the graphs."""
STEPS = 50
SETTINGS = {"epochs": 3, "precision": "bf16", "lora_dropout": 0.0, "early_stopping_patience": 99}


def without_dropout(model: str, **hyper: object) -> Cell:
    """The engines draw other masks."""
    cell = Cell(model=model, **(SETTINGS | hyper))
    for module in cell.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return cell


@pytest.mark.parametrize(
    ("family", "weights"),
    [*((family, "packed") for family in FAMILIES), ("llama3.2", "dequantised"), ("bert", "quantised")],
)
def test_cached_weights_and_the_flat_optimizer_give_the_same_bits(family: str, weights: str):
    one, other = without_dropout(family), without_dropout(family)
    expected = reference.fit(one.work())
    found = engine.fit(other.work(), replace(EXACT, weights=weights))
    assert expected.last_step > STEPS
    assert found.step_losses == expected.step_losses
    assert found.tokens_seen == expected.tokens_seen
    assert [e.learning_rate for e in found.history] == [e.learning_rate for e in expected.history]
    assert [e.epoch for e in found.history] == [e.epoch for e in expected.history]
    if found.best_step == expected.best_step:
        left, right = one.weights(), other.weights()
        assert all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("family", ["bert", "qwen2.5"])
def test_with_the_same_masks_dropout_gives_the_same_bits(family: str):
    """Of what trains differently masks are all, but for rounding; attention's own dropout is left out."""
    settings = SETTINGS | {"lora_dropout": 0.05}
    one, other = Cell(model=family, **settings), Cell(model=family, **settings)
    for module in (*one.model.modules(), *other.model.modules()):
        if isinstance(module, BertSelfAttention):
            module.dropout.p = 0.0
    stream = Stream(one.task.cell.seed)
    replace_dropout(one.model, stream)
    stream.begin(0)
    watched = one.recorder.on_step
    one.recorder.on_step = lambda step, planned_steps: (watched(step, planned_steps), stream.begin(step))
    expected = reference.fit(one.work())
    found = engine.fit(other.work(), replace(EXACT, stream_dropout=True))
    assert found.step_losses == expected.step_losses


@pytest.mark.parametrize("shortcuts", [ON_A_CPU, PADDED], ids=["on a CPU", "padded"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_shortcut_stays_close_from_the_same_state(family: str, shortcuts: Shortcuts):
    """Loss within 0.002, gradient norm within 1.5 %: rounding of bf16 at four comments of an untrained head."""
    one, other = without_dropout(family), without_dropout(family)
    trainings = []
    for cell, chosen in ((one, EXACT), (other, shortcuts)):
        stream = Stream(0)
        lighten(cell.model, cell.precision, chosen, stream)
        trainings.append(Training(cell.work(), chosen, stream))
    exact, close = trainings
    for step in range(STEPS):
        write_weights(other.model, one.weights())
        close.step = exact.step
        losses = [training.find_gradients().item() for training in trainings]
        norms = [gradient_norm(training) for training in trainings]
        assert losses[1] == pytest.approx(losses[0], abs=2e-3), f"step {step}"
        assert norms[1] == pytest.approx(norms[0], rel=1.5e-2), f"step {step}"
        exact.update()


@pytest.mark.parametrize("engine", ["fast", "reference"])
def test_minilm_learns_in_one_epoch(engine: str, tmp_path: Path):
    """The short form of test_gate.py: an engine whose gradients were wrong would not."""
    asked = {"CELL_MODEL": "minilm", "CELL_SAMPLES": "800", "HYPER_LEARNING_RATE": "1e-3", "TRAIN_ENGINE": engine}
    done = run(tmp_path, MODEL_WEIGHTS=str(Path(sys.prefix) / "weights"), **asked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert result_of(DirStore(tmp_path)).test.accuracy > 0.85


def gradient_norm(training: Training) -> float:
    return torch.stack([p.grad.norm() for p in training.parameters.values()]).norm().item()
