"""The training loop: transformers' Trainer, watched. `fit` leaves the best checkpoint's weights in the model.

This is the reference engine. Another one must prove itself equal to it behind the same call.
"""

import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from transformers import (
    DataCollatorWithPadding,
    EvalPrediction,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from contract.result import Evaluation, Metrics, Stop
from contract.task import Hyper
from trainer.artifacts import save_adapter
from trainer.encode import EVALUATION_BATCH, EncodedRow, softmax
from trainer.failures import NonFiniteLoss
from trainer.machine import Precision
from trainer.snapshot import BEST_WEIGHTS, MEMORY, Memory, Snapshot, read_folder, write_folder

EVALUATIONS_PER_EPOCH = 5

Score = Callable[[list[int], NDArray[np.float64]], Metrics]
"""True labels and probabilities (comments x labels) -> Metrics."""


class Watchers(Protocol):
    """Whom the loop tells what happens."""

    def on_step(self, step: int, planned_steps: int) -> None:
        """After each optimizer step."""

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """After each look at the validation split."""


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
    """time.time() when the first optimizer step of this call was done."""
    resumed_from_step: int | None


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
        trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.weights = {name: p.detach().clone() for name, p in trainable.items()}

    def restore(self, model: torch.nn.Module) -> None:
        """Put the kept weights back."""
        parameters = dict(model.named_parameters())
        with torch.no_grad():
            for name, weights in self.weights.items():
                parameters[name].copy_(weights)


class WatchedTrainer(Trainer):
    """Keeps losses and token counts on the device: they are read back at evaluations, not at every step."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.micro_losses: list[torch.Tensor] = []
        self.tokens: list[torch.Tensor] = []

    def training_step(self, model: torch.nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> torch.Tensor:
        """One micro-batch forward and backward, as Trainer does it."""
        self.tokens.append(inputs["attention_mask"].sum())
        loss: torch.Tensor = super().training_step(model, inputs, *args, **kwargs)
        self.micro_losses.append(loss)
        return loss

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """The adapter alone. Trainer's own adds the tokenizer and a pickle of the arguments, and may ask the hub."""
        save_adapter(self.model, Path(output_dir or self.args.output_dir))


class Watch(TrainerCallback):
    """Evaluates at the end too, records history, keeps the best weights, stops when patience runs out, has it saved."""

    def __init__(self, hyper: Hyper, watchers: Watchers, keeper: Keeper) -> None:
        self.best = BestWeights()
        self.history: list[Evaluation] = []
        self.step_losses: list[float] = []
        self.tokens_seen = 0
        self.first_step_at = 0.0
        self.stop: Stop = "completed"
        self.trainer: WatchedTrainer
        self._patience = hyper.early_stopping_patience
        self._watchers = watchers
        self._keeper = keeper
        self._unread: list[torch.Tensor] = []

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """After each optimizer step. Trainer has divided each micro-batch's loss by their number."""
        self.first_step_at = self.first_step_at or time.time()
        self._unread.append(torch.stack(self.trainer.micro_losses).sum())
        self.trainer.micro_losses.clear()
        if state.global_step >= state.max_steps:
            control.should_evaluate = True
        else:  # after the last step come test and publication, for which SIGTERM waits
            control.should_save = self._keeper.is_due()
        self._watchers.on_step(state.global_step, state.max_steps)

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: dict[str, float], **_: Any
    ) -> None:
        """After each look at the validation split. Raises NonFiniteLoss."""
        self._read_back()
        evaluation = self._evaluation(state, metrics)
        self.history.append(evaluation)
        self._watchers.on_evaluation(evaluation)
        self.best.consider(self.trainer.model, evaluation)
        if self.best.evaluations_since >= self._patience and state.global_step < state.max_steps:
            self.stop = "early_stopping"
            control.should_training_stop = True
            control.should_save = False

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """After Trainer has saved its part, which comes after the step's evaluation."""
        self._read_back()
        folder = Path(args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        files = read_folder(folder)
        shutil.rmtree(folder)
        self._keeper.keep(Snapshot(state.global_step, files | self._remembered()))

    def recall(self, snapshot: Snapshot) -> None:
        """Know what the watch knew when the snapshot was taken."""
        memory = Memory.model_validate_json(snapshot.files[MEMORY])
        self.history, self.step_losses, self.tokens_seen = memory.history, memory.step_losses, memory.tokens_seen
        weights = load_tensors(snapshot.files[BEST_WEIGHTS])
        self.best = BestWeights(memory.best_accuracy, memory.best_step, memory.evaluations_since_best, weights)

    def _remembered(self) -> dict[str, bytes]:
        memory = Memory(
            history=self.history,
            step_losses=self.step_losses,
            tokens_seen=self.tokens_seen,
            best_accuracy=self.best.accuracy,
            best_step=self.best.step,
            evaluations_since_best=self.best.evaluations_since,
        )
        return {MEMORY: memory.model_dump_json().encode(), BEST_WEIGHTS: save_tensors(self.best.weights)}

    def _read_back(self) -> None:
        """Losses of the steps since the last time: one transfer from the device for all of them."""
        if not self._unread:
            return
        losses: list[float] = torch.stack(self._unread).double().tolist()
        self.tokens_seen += int(torch.stack(self.trainer.tokens).sum())
        self._unread.clear()
        self.trainer.tokens.clear()
        for step, loss in enumerate(losses, start=len(self.step_losses) + 1):
            if not math.isfinite(loss):
                raise NonFiniteLoss(f"the training loss became {loss} at step {step}; try a lower learning_rate")
        self.step_losses += losses

    def _evaluation(self, state: TrainerState, metrics: dict[str, float]) -> Evaluation:
        if not math.isfinite(metrics["eval_loss"]):
            raise NonFiniteLoss(f"the validation loss became {metrics['eval_loss']} at step {state.global_step}")
        losses = self.step_losses[self.history[-1].step if self.history else 0 :]
        return Evaluation(
            step=state.global_step,
            epoch=round(state.epoch or 0.0, 4),
            train_loss=float(np.mean(losses)),
            learning_rate=self.trainer._get_learning_rate(),
            **{name: metrics[f"eval_{name}"] for name in ("loss", "accuracy", "precision", "recall", "f1")},
        )


def fit(
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    train: list[EncodedRow],
    validation: list[EncodedRow],
    *,
    hyper: Hyper,
    seed: int,
    precision: Precision,
    score: Score,
    watchers: Watchers,
    keeper: Keeper,
    resume: Snapshot | None = None,
) -> Fitted:
    """Train `model` in place and leave it with the weights of its best evaluation.

    With `resume` the training goes on from there, and ends as if it had never been stopped.
    Raises NonFiniteLoss at the first evaluation or snapshot that sees a loss which is no number.
    """
    watch = Watch(hyper, watchers, keeper)
    with TemporaryDirectory(prefix="trainer-") as folder:
        trainer = WatchedTrainer(
            model=model,
            args=_arguments(hyper, len(train), seed, precision, folder),
            train_dataset=train,
            eval_dataset=validation,
            data_collator=DataCollatorWithPadding(tokenizer),
            compute_metrics=lambda prediction: _headline(prediction, score),
            callbacks=[watch],
        )
        trainer.remove_callback(PrinterCallback)  # the journal says the same, in its own form
        # PEFT's forward takes any keyword, from which Trainer concludes that the model divides its loss by the number
        # of accumulated comments. Sequence classification does not: gradients would grow with the accumulation.
        trainer.model_accepts_loss_kwargs = False
        watch.trainer = trainer
        if trainer.accelerator.mixed_precision != ("bf16" if precision.name == "bf16" else "no"):
            raise RuntimeError(f"accelerate would train in {trainer.accelerator.mixed_precision}, not {precision.name}")
        trainer.train(resume_from_checkpoint=_unpacked(resume, watch, Path(folder)))
    watch.best.restore(model)
    return Fitted(
        history=watch.history,
        best_step=watch.best.step,
        last_step=trainer.state.global_step,
        planned_steps=trainer.state.max_steps,
        stop=watch.stop,
        tokens_seen=watch.tokens_seen,
        step_losses=watch.step_losses,
        first_step_at=watch.first_step_at,
        resumed_from_step=resume.step if resume else None,
    )


def _unpacked(resume: Snapshot | None, watch: Watch, folder: Path) -> str | None:
    """Where Trainer finds its part of the snapshot; the watch has been given the rest."""
    if resume is None:
        return None
    watch.recall(resume)
    write_folder(resume, folder / "resume")
    return str(folder / "resume")


def steps_between_evaluations(hyper: Hyper, comments: int) -> int:
    """`eval_steps`, by default a fifth of an epoch: patience then means as many epochs at every size."""
    steps_per_epoch = math.ceil(comments / (hyper.batch_size * hyper.gradient_accumulation_steps))
    return hyper.eval_steps or max(1, steps_per_epoch // EVALUATIONS_PER_EPOCH)


def _arguments(hyper: Hyper, comments: int, seed: int, precision: Precision, folder: str) -> TrainingArguments:
    steps = math.ceil(comments / (hyper.batch_size * hyper.gradient_accumulation_steps)) * hyper.epochs
    return TrainingArguments(
        output_dir=folder,
        num_train_epochs=hyper.epochs,
        per_device_train_batch_size=hyper.batch_size,
        per_device_eval_batch_size=EVALUATION_BATCH,
        gradient_accumulation_steps=hyper.gradient_accumulation_steps,
        learning_rate=hyper.learning_rate,
        lr_scheduler_type=hyper.lr_scheduler,
        warmup_steps=math.ceil(steps * hyper.warmup_ratio),
        optim=hyper.optimizer,
        weight_decay=hyper.weight_decay,
        max_grad_norm=hyper.max_grad_norm,
        bf16=precision.name == "bf16",
        seed=seed,
        data_seed=seed,
        eval_strategy="steps",
        eval_steps=steps_between_evaluations(hyper, comments),
        logging_strategy="no",
        logging_nan_inf_filter=False,
        save_strategy="no",
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        remove_unused_columns=False,
        label_names=["labels"],
        disable_tqdm=True,
        report_to=[],
    )


def _headline(prediction: EvalPrediction, score: Score) -> dict[str, float]:
    metrics = score(prediction.label_ids.tolist(), softmax(prediction.predictions))
    return {name: getattr(metrics, name) for name in ("accuracy", "precision", "recall", "f1")}
