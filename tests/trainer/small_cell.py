"""A cell that trains in a second, in this process, and whoever watches and stops it."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
import transformers

from contract.result import Evaluation
from contract.task import Engine
from tests.factories import task
from trainer.data import load
from trainer.encode import encode
from trainer.failures import Preempted
from trainer.fit import fit, predict
from trainer.machine import Precision
from trainer.model import load_qlora
from trainer.score import score
from trainer.snapshot import Snapshot
from trainer.work import Fitted, Score, Work


@dataclass
class Recorder:
    """Remembers what the loop told it."""

    steps: list[int] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    fallbacks: list[str] = field(default_factory=list)

    def on_step(self, step: int, planned_steps: int) -> None:
        self.steps.append(step)

    def on_evaluation(self, evaluation: Evaluation) -> None:
        self.evaluations.append(evaluation)

    def on_fallback(self, reason: str) -> None:
        self.fallbacks.append(reason)


@dataclass
class Keeper:
    """Keeps every snapshot, `every` so many steps; after `stop_after` steps of a call it takes one and preempts."""

    every: int | None = None
    stop_after: int | None = None
    snapshots: list[Snapshot] = field(default_factory=list)
    _steps: int = 0

    def is_due(self) -> bool:
        self._steps += 1
        return self._steps == self.stop_after or bool(self.every and self._steps % self.every == 0)

    def keep(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)
        if self._steps == self.stop_after:
            raise Preempted("the test stops it here")


class Cell:
    """A small cell with a freshly drawn model, and `fit` on it."""

    def __init__(
        self,
        seed: int = 0,
        precision: Literal["bf16", "fp32"] = "fp32",
        engine: Engine = "fast",
        model: str = "bert",
        **hyper: object,
    ) -> None:
        cell = {"model": model, "labels": 2, "samples": 80, "seed": seed}
        self.task = task(cell=cell, hyper=hyper, train={"engine": engine})
        self.recorder = Recorder()
        self.precision = Precision(precision)
        transformers.set_seed(seed)
        self.model, self.tokenizer = load_qlora(self.task, self.precision)
        dataset = load(self.task)
        self.train = encode(dataset.train, self.tokenizer, 64)
        self.validation = encode(dataset.validation, self.tokenizer, 64)

    def fit(self, score: Score | None = None, keeper: Keeper | None = None, resume: Snapshot | None = None) -> Fitted:
        return fit(self.work(score, keeper, resume), self.task.train)

    def work(self, score: Score | None = None, keeper: Keeper | None = None, resume: Snapshot | None = None) -> Work:
        return Work(
            model=self.model,
            tokenizer=self.tokenizer,
            train=self.train,
            validation=self.validation,
            hyper=self.task.hyper,
            seed=self.task.cell.seed,
            precision=self.precision,
            score=score or (lambda true, p: score_of(true, p, self.task.labels)),
            watchers=self.recorder,
            keeper=keeper or Keeper(),
            resume=resume,
        )

    def predictions(self) -> np.ndarray:
        return predict(self.model, self.validation, self.tokenizer, self.precision, by=self.task.train.engine)

    def weights(self) -> dict[str, torch.Tensor]:
        return {name: p.detach().clone() for name, p in self.model.named_parameters() if p.requires_grad}


score_of = score
