"""The training loop of the fast engine: order, optimizer, schedule and stop rule of the reference, with less around.

It waits for the device only where an evaluation or a snapshot reads what happened since the one before.
"""

import io
import math
import time
from collections.abc import Sequence

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from contract.result import Stop
from trainer.fast.batches import Batch, FlatBatch, micro_batches
from trainer.fast.forward import collator
from trainer.fast.optimizer import flat_optimizer, learning_rates, separate
from trainer.fast.passes import EagerPass, GraphedPass, Pass
from trainer.fast.prediction import predict
from trainer.fast.randomness import Stream
from trainer.fast.rotary import share_halves
from trainer.fast.shortcuts import Shortcuts, lighten
from trainer.snapshot import OPTIMIZER, WEIGHTS, Snapshot
from trainer.work import Fitted, Progress, Work, headline, steps_between_evaluations, trainable, write_weights


def fit(work: Work, shortcuts: Shortcuts) -> Fitted:
    """See trainer/fit.py."""
    stream = Stream(work.seed)
    lighten(work.model, work.precision, shortcuts, stream)
    training = Training(work, shortcuts, stream)
    stop = training.run()
    separate(training.parameters.values())
    progress = training.progress
    progress.best.restore(work.model)
    return Fitted(
        history=progress.history,
        best_step=progress.best.step,
        last_step=training.step,
        planned_steps=work.planned_steps,
        stop=stop,
        tokens_seen=progress.tokens_seen,
        step_losses=progress.step_losses,
        first_step_at=training.first_step_at,
        resumed_from_step=work.resume.step if work.resume else None,
    )


class Training:
    """A model on its way through its steps; `step` are done."""

    def __init__(self, work: Work, shortcuts: Shortcuts, stream: Stream) -> None:
        self.step = work.resume.step if work.resume else 0
        self.progress = Progress.of(work.resume)
        self.first_step_at = 0.0
        self.parameters = trainable(work.model)
        self._work = work
        self._collate = collator(work.model, work.tokenizer.pad_token_id, shortcuts.multiple)
        self._stream = stream
        self._unread: list[torch.Tensor] = []
        self._optimizer = flat_optimizer(self.parameters, work.hyper)
        warmup = math.ceil(work.planned_steps * work.hyper.warmup_ratio)
        self._rate = learning_rates(work.hyper, warmup, work.planned_steps)
        self._pass = _passes(work, shortcuts)
        self._every = steps_between_evaluations(work.hyper, len(work.train))
        if work.resume:
            self._resume(work.resume)
        work.model.train()

    def run(self) -> Stop:
        """Raises NonFiniteLoss, or what the keeper raises."""
        work = self._work
        while self.step < work.planned_steps:
            self.take_step()
            self.first_step_at = self.first_step_at or time.time()
            is_last = self.step == work.planned_steps
            is_due = not is_last and work.keeper.is_due()
            work.watchers.on_step(self.step, work.planned_steps)
            if is_last or self.step % self._every == 0:
                self._evaluate()
                if not is_last and self.progress.best.evaluations_since >= work.hyper.early_stopping_patience:
                    return "early_stopping"
            if is_due:
                work.keeper.keep(self._snapshot())
        return "completed"

    def take_step(self) -> None:
        """Gradients of every micro-batch, then one step of the optimizer."""
        self._unread.append(self.find_gradients())
        self.update()

    def find_gradients(self) -> torch.Tensor:
        """Of the next step; returns its loss."""
        self._stream.begin(self.step)
        self._optimizer.zero_grad(set_to_none=False)
        batches = self._batches()
        self.progress.tokens_seen += sum(batch.tokens for batch in batches)
        return torch.stack([self._pass(batch, len(batches)) for batch in batches]).sum()

    def update(self) -> None:
        """Weights by these gradients."""
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), self._work.hyper.max_grad_norm)
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate(self.step)
        self._optimizer.step()
        self.step += 1

    def _batches(self) -> Sequence[Batch | FlatBatch]:
        work = self._work
        positions = micro_batches(
            len(work.train),
            work.seed,
            self.step,
            steps_per_epoch=work.steps_per_epoch,
            batch=work.hyper.batch_size,
            accumulation=work.hyper.gradient_accumulation_steps,
        )
        return [self._collate([work.train[i] for i in part]) for part in positions]

    def _evaluate(self) -> None:
        self._read_back()
        work = self._work
        probabilities = predict(work.model, work.validation, work.tokenizer.pad_token_id, work.precision)
        metrics = work.score([row["labels"] for row in work.validation], probabilities)
        epoch = self.step / work.steps_per_epoch
        rate = self._rate(self.step)
        evaluation = self.progress.evaluation(self.step, epoch, rate, metrics.loss, headline(metrics))
        work.watchers.on_evaluation(evaluation)
        self.progress.best.consider(work.model, evaluation)
        work.model.train()

    def _read_back(self) -> None:
        """Losses since the last time: one transfer from the device for all of them."""
        losses: list[float] = torch.stack(self._unread).double().tolist() if self._unread else []
        self._unread.clear()
        self.progress.add_losses(losses)

    def _snapshot(self) -> Snapshot:
        self._read_back()
        weights = {name: p.detach().clone() for name, p in self.parameters.items()}
        optimizer = io.BytesIO()
        torch.save(self._optimizer.state_dict(), optimizer)
        files = {WEIGHTS: save_tensors(weights), OPTIMIZER: optimizer.getvalue()}
        return Snapshot(self.step, files | self.progress.files())

    def _resume(self, snapshot: Snapshot) -> None:
        write_weights(self._work.model, load_tensors(snapshot.files[WEIGHTS]))
        self._optimizer.load_state_dict(torch.load(io.BytesIO(snapshot.files[OPTIMIZER]), weights_only=True))


def _passes(work: Work, shortcuts: Shortcuts) -> Pass:
    eager = EagerPass(work.model, work.precision, share_halves(work.model))
    return GraphedPass(eager, work.watchers.on_fallback) if shortcuts.graphs else eager
