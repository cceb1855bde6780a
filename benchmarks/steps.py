"""Steps a second of the stock recipe and of both engines, over the same comments."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from benchmarks import stock
from contract.cell import ModelSpec
from contract.result import Evaluation, Metrics
from contract.task import Engine, Hyper, Train
from tests.factories import metrics
from trainer.encode import EncodedRow
from trainer.fit import fit
from trainer.machine import Precision
from trainer.model import Checkpoint, add_lora, load_base, load_tokenizer
from trainer.snapshot import Snapshot
from trainer.work import Work

ENGINES: tuple[Engine, ...] = ("reference", "fast")
BF16 = Precision("bf16")
LABELS = ("joy", "sadness")
WARM_UP_STEPS = 20 if torch.cuda.is_available() else 3
"""On a GPU the fast engine records most of its graphs in them, one for each length of batch."""


@dataclass
class Clock:
    """Watches a training, saves nothing; when each step was done."""

    done: list[float] = field(default_factory=list)

    def on_step(self, step: int, planned_steps: int) -> None:
        """After each optimizer step; nobody waits for a GPU but where the time is taken."""
        if torch.cuda.is_available() and step in (WARM_UP_STEPS, planned_steps):
            torch.cuda.synchronize()
        self.done.append(time.perf_counter())

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """After the last step only."""

    def on_fallback(self, reason: str) -> None:
        """A figure of less than the engine can do says so."""
        sys.stderr.write(f"fallback: {reason}\n")

    def is_due(self) -> bool:
        """Never."""
        return False

    def keep(self, snapshot: Snapshot) -> None:
        """Not asked for."""

    @property
    def seconds_per_step(self) -> float:
        """Without the first steps, in which kernels are chosen and memory is taken."""
        return (self.done[-1] - self.done[WARM_UP_STEPS - 1]) / (len(self.done) - WARM_UP_STEPS)


class _ClockCallback(TrainerCallback):
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        self._clock.on_step(state.global_step, state.max_steps)


Stepper = Callable[[], float]
"""Trains, and returns seconds a step."""


def loaders(source: Checkpoint, spec: ModelSpec, lengths: Sequence[int]) -> dict[str, Callable[[], Stepper]]:
    """What loads a model for each contender; it trains on comments of these numbers of tokens, 4 a step.

    `fast without copy` keeps the weights in four bits; it is there for its memory.
    """
    tokenizer = load_tokenizer(source)
    hyper = Hyper(epochs=1, eval_steps=len(lengths))
    train = _rows(lengths, len(tokenizer) // 2)

    def load_stock() -> Stepper:
        model = stock.load_model(source, len(LABELS), tokenizer, spec.lora_targets, hyper)

        def timed() -> float:
            clock = Clock()
            with TemporaryDirectory(prefix="stock-") as folder:
                callback = _ClockCallback(clock)
                stock.trainer_of(model, tokenizer, train, train[:4], hyper, 0, folder, callback).train()
            return clock.seconds_per_step

        return timed

    def load(how: Train) -> Stepper:
        model = add_lora(load_base(source, len(LABELS), tokenizer, BF16, double_quant=True), spec, hyper)
        work = Work(model, tokenizer, train, train[:4], hyper, 0, BF16, scored, Clock(), Clock())

        def timed() -> float:
            clock = Clock()
            fit(replace(work, watchers=clock, keeper=clock), how)
            return clock.seconds_per_step

        return timed

    engines = {engine: partial(load, Train(engine=engine)) for engine in ENGINES}
    lean = Train(engine="fast", cached_weights="no")
    return {"stock": load_stock} | engines | {"fast without copy": partial(load, lean)}


def _rows(lengths: Sequence[int], vocabulary: int) -> list[EncodedRow]:
    generator = torch.Generator().manual_seed(0)
    ids = [torch.randint(10, vocabulary, (length,), generator=generator).tolist() for length in lengths]
    return [EncodedRow(input_ids=row, attention_mask=[1] * len(row), labels=i % 2) for i, row in enumerate(ids)]


def scored(true: list[int], probabilities: NDArray[np.float64]) -> Metrics:
    """Accuracy alone is right, which decides nothing here: a machine for benchmarks need not have `evaluate`."""
    return metrics(LABELS, float((probabilities.argmax(axis=1) == np.array(true)).mean()))
