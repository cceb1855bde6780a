"""What every training engine is given, remembers and leaves behind."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from transformers import PreTrainedTokenizerBase

from contract.result import Evaluation, Metrics, Stop
from contract.task import Hyper
from trainer.encode import EncodedRow
from trainer.failures import NonFiniteLoss
from trainer.machine import Precision
from trainer.snapshot import BEST_WEIGHTS, MEMORY, Memory, Snapshot

EVALUATIONS_PER_EPOCH = 5

Score = Callable[[list[int], NDArray[np.float64]], Metrics]
"""True labels and probabilities (comments x labels) -> Metrics."""


class Watchers(Protocol):
    """Whom the loop tells what happens."""

    def on_step(self, step: int, planned_steps: int) -> None:
        """After each optimizer step."""

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """After each look at the validation split."""

    def on_fallback(self, reason: str) -> None:
        """Something that would make the training faster cannot be had here; it goes on without."""


class Keeper(Protocol):
    """Who keeps the training's state, so that another attempt can go on from there."""

    def is_due(self) -> bool:
        """Asked after each optimizer step but the last: whether to save now."""

    def keep(self, snapshot: Snapshot) -> None:
        """The state after the step, its evaluation included. What this raises ends the training."""


@dataclass(frozen=True)
class Fitted:
    """A finished training. The model holds the weights of `best_step`."""

    history: list[Evaluation]
    best_step: int
    last_step: int
    planned_steps: int
    stop: Stop
    tokens_seen: int
    step_losses: list[float]
    """Mean training loss of each optimizer step."""
    first_step_at: float
    """time.time() when the first optimizer step of this call was done; sent off, where nobody waits for a GPU."""
    resumed_from_step: int | None


@dataclass(frozen=True)
class Work:
    """What an engine is given."""

    model: PeftModel
    tokenizer: PreTrainedTokenizerBase
    train: list[EncodedRow]
    validation: list[EncodedRow]
    hyper: Hyper
    seed: int
    precision: Precision
    score: Score
    watchers: Watchers
    keeper: Keeper
    resume: Snapshot | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps; the last one of an epoch may see fewer comments."""
        return math.ceil(len(self.train) / (self.hyper.batch_size * self.hyper.gradient_accumulation_steps))

    @property
    def planned_steps(self) -> int:
        """Optimizer steps of all epochs."""
        return self.steps_per_epoch * self.hyper.epochs


def steps_between_evaluations(hyper: Hyper, comments: int) -> int:
    """`eval_steps`, by default a fifth of an epoch: patience then means as many epochs at every size."""
    steps_per_epoch = math.ceil(comments / (hyper.batch_size * hyper.gradient_accumulation_steps))
    return hyper.eval_steps or max(1, steps_per_epoch // EVALUATIONS_PER_EPOCH)


@dataclass
class BestWeights:
    """The weights of the best evaluation so far, and how many evaluations ago that was.

    Only a strictly better accuracy counts, so of equal checkpoints the earliest is kept.
    """

    accuracy: float | None = None
    step: int = 0
    evaluations_since: int = 0
    weights: dict[str, torch.Tensor] = field(default_factory=dict)

    def consider(self, model: torch.nn.Module, evaluation: Evaluation) -> None:
        """Keep a copy of the trainable weights when `evaluation` is the best so far."""
        if self.accuracy is not None and evaluation.accuracy <= self.accuracy:
            self.evaluations_since += 1
            return
        self.accuracy, self.step, self.evaluations_since = evaluation.accuracy, evaluation.step, 0
        self.weights = {name: p.detach().clone() for name, p in trainable(model).items()}

    def restore(self, model: torch.nn.Module) -> None:
        """Put the kept weights back."""
        write_weights(model, self.weights)


def trainable(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """What the training changes, by name."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def write_weights(model: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Overwrite the parameters of these names in place."""
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, values in weights.items():
            parameters[name].copy_(values)


@dataclass
class Progress:
    """What has become of a training so far."""

    history: list[Evaluation] = field(default_factory=list)
    step_losses: list[float] = field(default_factory=list)
    tokens_seen: int = 0
    best: BestWeights = field(default_factory=BestWeights)

    def add_losses(self, losses: list[float]) -> None:
        """Of the steps since the last time. Raises NonFiniteLoss."""
        for step, loss in enumerate(losses, start=len(self.step_losses) + 1):
            if not math.isfinite(loss):
                raise NonFiniteLoss(f"the training loss became {loss} at step {step}; try a lower learning_rate")
        self.step_losses += losses

    def evaluation(
        self, step: int, epoch: float, learning_rate: float, loss: float, headline: Mapping[str, float]
    ) -> Evaluation:
        """One more look at the validation split, now part of the history. Raises NonFiniteLoss."""
        if not math.isfinite(loss):
            raise NonFiniteLoss(f"the validation loss became {loss} at step {step}")
        losses = self.step_losses[self.history[-1].step if self.history else 0 :]
        evaluation = Evaluation(
            step=step,
            epoch=round(epoch, 4),
            train_loss=float(np.mean(losses)),
            learning_rate=learning_rate,
            loss=loss,
            **headline,
        )
        self.history.append(evaluation)
        return evaluation

    def files(self) -> dict[str, bytes]:
        """Its part of a snapshot."""
        memory = Memory(
            history=self.history,
            step_losses=self.step_losses,
            tokens_seen=self.tokens_seen,
            best_accuracy=self.best.accuracy,
            best_step=self.best.step,
            evaluations_since_best=self.best.evaluations_since,
        )
        return {MEMORY: memory.model_dump_json().encode(), BEST_WEIGHTS: save_tensors(self.best.weights)}

    @classmethod
    def of(cls, snapshot: Snapshot | None) -> "Progress":
        """As it was when the snapshot was taken."""
        if snapshot is None:
            return cls()
        memory = Memory.model_validate_json(snapshot.files[MEMORY])
        weights = load_tensors(snapshot.files[BEST_WEIGHTS])
        best = BestWeights(memory.best_accuracy, memory.best_step, memory.evaluations_since_best, weights)
        return cls(memory.history, memory.step_losses, memory.tokens_seen, best)


def headline(metrics: Metrics) -> dict[str, float]:
    """What an evaluation records of its metrics, beside the loss."""
    return {name: getattr(metrics, name) for name in ("accuracy", "precision", "recall", "f1")}
