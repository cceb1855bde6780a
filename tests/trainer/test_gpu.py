"""What of the fast engine only a GPU can show: fused layers and graphs for few shapes give what PEFT's passes give."""

from dataclasses import replace
from statistics import mean

import pytest
import torch
import transformers

from contract.cell import MODELS
from contract.result import Evaluation
from contract.task import Train
from tests.factories import metrics, task
from trainer.data import load
from trainer.encode import encode
from trainer.fast.engine import Training
from trainer.fast.frozen import quantised_layers
from trainer.fast.randomness import Stream
from trainer.fast.shortcuts import choose, lighten
from trainer.fit import fit
from trainer.machine import Precision
from trainer.model import load_qlora
from trainer.snapshot import Snapshot
from trainer.work import Work, write_weights

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use")
BF16 = Precision("bf16")


class Nobody:
    """Watches and keeps nothing; remembers what could not be had."""

    def __init__(self) -> None:
        self.fallbacks: list[str] = []

    def on_step(self, step: int, planned_steps: int) -> None: ...

    def on_evaluation(self, evaluation: Evaluation) -> None: ...

    def on_fallback(self, reason: str) -> None:
        self.fallbacks.append(reason)

    def is_due(self) -> bool:
        return False

    def keep(self, snapshot: Snapshot) -> None: ...


def work(model: str, lora_dropout: float = 0.0) -> Work:
    asked = task(cell={"model": model, "labels": 2, "samples": 80}, hyper={"lora_dropout": lora_dropout, "epochs": 3})
    transformers.set_seed(0)
    loaded, tokenizer = load_qlora(asked, BF16)
    for module in loaded.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = lora_dropout
    dataset = load(asked)
    train, validation = (encode(rows, tokenizer, 64) for rows in (dataset.train, dataset.validation))
    nobody = Nobody()

    def score(true, probabilities):
        return metrics(asked.labels, float((probabilities.argmax(1) == true).mean()))

    return Work(loaded, tokenizer, train, validation, asked.hyper, 0, BF16, score, nobody, nobody)


@pytest.mark.parametrize("model", sorted(MODELS.keys() - {"minilm"}))
def test_fused_layers_graphs_and_padding_stay_close_to_eager_passes_from_the_same_state(model: str):
    one, other = work(model), work(model)
    shortcuts = choose(other.model, BF16, "auto").shortcuts
    assert shortcuts.graphs
    trainings = []
    plain = replace(shortcuts, graphs=False, fused=False, stream_dropout=False, multiple=1)
    for given, how in ((one, plain), (other, shortcuts)):
        stream = Stream(0)
        lighten(given.model, BF16, how, stream)
        trainings.append(Training(given, how, stream))
    eager, graphed = trainings
    for _ in range(50):
        write_weights(other.model, {name: p.detach() for name, p in eager.parameters.items()})
        graphed.step = eager.step
        losses = [training.find_gradients().item() for training in trainings]
        norms = [torch.stack([p.grad.norm() for p in t.parameters.values()]).norm().item() for t in trainings]
        assert losses[1] == pytest.approx(losses[0], abs=2e-3)
        assert norms[1] == pytest.approx(norms[0], rel=1.5e-2)
        eager.update()
    assert other.watchers.fallbacks == []


def test_a_step_in_which_a_graph_is_recorded_draws_the_masks_of_its_replay():
    given = work("qwen2.5", lora_dropout=0.5)
    shortcuts, stream = choose(given.model, BF16, "auto").shortcuts, Stream(0)
    lighten(given.model, BF16, shortcuts, stream)
    training = Training(given, shortcuts, stream)
    losses = []
    for step in (0, 0, 1):
        training.step = step
        losses.append(training.find_gradients().item())
    recorded, replayed, other = losses
    assert recorded == replayed != other


def test_a_cell_trains_and_ends():
    given = work("qwen2.5")
    fitted = fit(given, Train(engine="fast"))
    assert 0 < fitted.last_step <= fitted.planned_steps
    assert mean(fitted.step_losses[-10:]) < mean(fitted.step_losses[:10])
    assert given.watchers.fallbacks == []


def test_a_cell_trains_where_memory_is_too_short_for_a_copy():
    given = work("qwen2.5")
    fitted = fit(given, Train(engine="fast", cached_weights="no"))
    assert quantised_layers(given.model)
    assert given.model.get_base_model().is_gradient_checkpointing
    assert mean(fitted.step_losses[-10:]) < mean(fitted.step_losses[:10])
    assert given.watchers.fallbacks == []
