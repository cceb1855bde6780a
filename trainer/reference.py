"""The reference engine: transformers' Trainer, watched. The fast one has to prove itself equal to it."""

import math
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from transformers import (
    DataCollatorWithPadding,
    EvalPrediction,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from contract.result import Stop
from contract.task import Hyper
from trainer.artifacts import save_adapter
from trainer.encode import EVALUATION_BATCH, softmax
from trainer.machine import Precision
from trainer.snapshot import Snapshot, read_folder, write_folder
from trainer.work import Fitted, Keeper, Progress, Score, Watchers, Work, headline, steps_between_evaluations


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

    def __init__(self, hyper: Hyper, watchers: Watchers, keeper: Keeper, progress: Progress) -> None:
        self.progress = progress
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
        figures = {name: metrics[f"eval_{name}"] for name in ("accuracy", "precision", "recall", "f1")}
        rate = self.trainer._get_learning_rate()
        loss = metrics["eval_loss"]
        evaluation = self.progress.evaluation(state.global_step, state.epoch or 0.0, rate, loss, figures)
        self._watchers.on_evaluation(evaluation)
        best = self.progress.best
        best.consider(self.trainer.model, evaluation)
        if best.evaluations_since >= self._patience and state.global_step < state.max_steps:
            self.stop = "early_stopping"
            control.should_training_stop = True
            control.should_save = False

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """After Trainer has saved its part, which comes after the step's evaluation."""
        self._read_back()
        folder = Path(args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        files = read_folder(folder)
        shutil.rmtree(folder)
        self._keeper.keep(Snapshot(state.global_step, files | self.progress.files()))

    def _read_back(self) -> None:
        """Losses of the steps since the last time: one transfer from the device for all of them."""
        if not self._unread:
            return
        losses: list[float] = torch.stack(self._unread).double().tolist()
        self.progress.tokens_seen += int(torch.stack(self.trainer.tokens).sum())
        self._unread.clear()
        self.trainer.tokens.clear()
        self.progress.add_losses(losses)


def fit(work: Work) -> Fitted:
    """See trainer/fit.py."""
    watch = Watch(work.hyper, work.watchers, work.keeper, Progress.of(work.resume))
    with TemporaryDirectory(prefix="trainer-") as folder:
        trainer = WatchedTrainer(
            model=work.model,
            args=_arguments(work.hyper, work.planned_steps, len(work.train), work.seed, work.precision, folder),
            train_dataset=work.train,
            eval_dataset=work.validation,
            data_collator=DataCollatorWithPadding(work.tokenizer),
            compute_metrics=lambda prediction: _headline(prediction, work.score),
            callbacks=[watch],
        )
        trainer.remove_callback(PrinterCallback)  # the journal says the same, in its own form
        # PEFT's forward takes any keyword, from which Trainer concludes that the model divides its loss by the number
        # of accumulated comments. Sequence classification does not: gradients would grow with the accumulation.
        trainer.model_accepts_loss_kwargs = False
        watch.trainer = trainer
        if trainer.accelerator.mixed_precision != ("bf16" if work.precision.name == "bf16" else "no"):
            raise RuntimeError(
                f"accelerate would train in {trainer.accelerator.mixed_precision}, not {work.precision.name}"
            )
        trainer.train(resume_from_checkpoint=_unpacked(work.resume, Path(folder)))
    progress = watch.progress
    progress.best.restore(work.model)
    return Fitted(
        history=progress.history,
        best_step=progress.best.step,
        last_step=trainer.state.global_step,
        planned_steps=trainer.state.max_steps,
        stop=watch.stop,
        tokens_seen=progress.tokens_seen,
        step_losses=progress.step_losses,
        first_step_at=watch.first_step_at,
        resumed_from_step=work.resume.step if work.resume else None,
    )


def _unpacked(resume: Snapshot | None, folder: Path) -> str | None:
    """Where Trainer finds its part of the snapshot."""
    if resume is None:
        return None
    write_folder(resume, folder / "resume")
    return str(folder / "resume")


def _arguments(
    hyper: Hyper, planned_steps: int, comments: int, seed: int, precision: Precision, folder: str
) -> TrainingArguments:
    return TrainingArguments(
        output_dir=folder,
        num_train_epochs=hyper.epochs,
        per_device_train_batch_size=hyper.batch_size,
        per_device_eval_batch_size=EVALUATION_BATCH,
        gradient_accumulation_steps=hyper.gradient_accumulation_steps,
        learning_rate=hyper.learning_rate,
        lr_scheduler_type=hyper.lr_scheduler,
        warmup_steps=math.ceil(planned_steps * hyper.warmup_ratio),
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
    return headline(score(prediction.label_ids.tolist(), softmax(prediction.predictions)))
