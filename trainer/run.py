"""The story of one cell, top to bottom: model, training, scores, one published result.

Imports the training stack; trainer/attempt.py has checked the environment and loaded the comments before that.
"""

from dataclasses import asdict, dataclass

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from peft import PeftModel
from transformers import PreTrainedTokenizerBase

from contract.keys import LOG, PREDICTIONS
from contract.result import Artifact, Metrics, Splits, Success, Training
from contract.store import Store
from contract.task import Task
from trainer import machine
from trainer.artifacts import adapter_files, losses_csv, predictions_csv
from trainer.checkpointer import Checkpointer
from trainer.data import Comment, Dataset, split_record
from trainer.encode import EncodedRow, encode, longest
from trainer.failures import Termination
from trainer.fit import fit, predict
from trainer.four_bit import FourBit
from trainer.journal import Journal
from trainer.model import Anatomy, Checkpoint, anatomy, load_qlora
from trainer.pace import Pace
from trainer.provenance import library_versions, process_started_at, provenance
from trainer.publish import publish_success, put_artifacts
from trainer.quantise import obtain
from trainer.work import Fitted, Work


def run_cell(task: Task, dataset: Dataset, store: Store, journal: Journal, termination: Termination) -> bool:
    """Train, score and publish; False when another attempt had published before.

    Raises NonFiniteLoss, Preempted, SourceUnavailable, StoreFailed, or whatever the stack raises.
    """
    machine.prepare(task)
    with journal.phase("model"):
        prepared = prepare(task, dataset, obtain(task, journal))
    announce(prepared, journal)

    # From here on SIGTERM finds something worth its grace period: a training to save, or one to publish.
    with termination.deferred():
        checkpointer = Checkpointer(store, task, journal, termination, conditions(prepared))
        with journal.phase("training"):
            fitted = train(task, prepared, journal, checkpointer)

        with journal.phase("test"):
            scores = examine(task, prepared)
        journal.event("scored", validation=scores.validation.accuracy, test=scores.test.accuracy)

        with journal.phase("publish"):
            files = artifact_files(task, prepared, fitted, scores, dataset, journal)
            stored = put_artifacts(store, task, journal.attempt, files)
        published = publish_success(store, result(task, dataset, prepared, fitted, scores, stored, journal))
        checkpointer.discard()
    return published


@dataclass(frozen=True)
class Prepared:
    """A model ready to be trained, and its comments as it reads them."""

    model: PeftModel
    copy: FourBit | None
    """What its base was read from; None when the full weights were."""
    tokenizer: PreTrainedTokenizerBase
    precision: machine.Precision
    anatomy: Anatomy
    train: list[EncodedRow]
    validation: list[EncodedRow]
    test: list[EncodedRow]


@dataclass(frozen=True)
class Scores:
    """What the best checkpoint is worth; `probabilities` are the test comments', comments x labels."""

    validation: Metrics
    test: Metrics
    probabilities: NDArray[np.float64]


def prepare(task: Task, dataset: Dataset, copy: FourBit | None) -> Prepared:
    """Load, quantise and adapt the model under the cell's seed; encode the comments."""
    precision = machine.choose_precision(task.hyper.precision)
    transformers.set_seed(task.cell.seed)
    model, tokenizer = load_qlora(task, precision, Checkpoint(str(copy.folder), four_bit=True) if copy else None)

    def encoded(comments: list[Comment]) -> list[EncodedRow]:
        return encode(comments, tokenizer, task.hyper.max_length)

    splits = (encoded(dataset.train), encoded(dataset.validation), encoded(dataset.test))
    return Prepared(model, copy, tokenizer, precision, anatomy(model), *splits)


def announce(prepared: Prepared, journal: Journal) -> None:
    """Say what is about to be trained, and what had to give way."""
    if prepared.precision.fallback:
        journal.event("warning", reason=prepared.precision.fallback)
    journal.event(
        "model-ready",
        device=machine.device_name(),
        dtype=prepared.precision.name,
        trainable=prepared.anatomy.trainable_parameters,
        quantized=prepared.anatomy.quantized_parameters,
        four_bit_copy=prepared.copy.sha256[:12] if prepared.copy else None,
        seconds=journal.seconds["model"],
    )


def conditions(prepared: Prepared) -> dict[str, str]:
    """What has to be as it was for a saved training to go on as if it had never been stopped."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = library_versions() | {"device": device, "dtype": prepared.precision.name}
    if device == "cuda" and prepared.copy:
        # A CPU quantised it, which may round otherwise than this GPU would.
        found["four_bit_copy"] = prepared.copy.sha256
    return found


def train(task: Task, prepared: Prepared, journal: Journal, checkpointer: Checkpointer) -> Fitted:
    """Fine-tune in place, from where an attempt before was stopped; afterwards the model holds its best weights."""
    work = Work(
        model=prepared.model,
        tokenizer=prepared.tokenizer,
        train=prepared.train,
        validation=prepared.validation,
        hyper=task.hyper,
        seed=task.cell.seed,
        precision=prepared.precision,
        score=lambda true, probabilities: _score(true, probabilities, task.labels),
        watchers=Pace(journal),
        keeper=checkpointer,
        resume=checkpointer.resume(),
    )
    fitted = fit(work, task.train)
    journal.event("trained", best_step=fitted.best_step, last_step=fitted.last_step, stop=fitted.stop)
    return fitted


def examine(task: Task, prepared: Prepared) -> Scores:
    """Score the model on the comments that chose the checkpoint, and on those that nobody has seen."""

    def probabilities(rows: list[EncodedRow]) -> NDArray[np.float64]:
        return predict(prepared.model, rows, prepared.tokenizer, prepared.precision, by=task.train.engine)

    def scored(rows: list[EncodedRow], predicted: NDArray[np.float64]) -> Metrics:
        return _score([row["labels"] for row in rows], predicted, task.labels)

    on_test = probabilities(prepared.test)
    validation = scored(prepared.validation, probabilities(prepared.validation))
    return Scores(validation, scored(prepared.test, on_test), on_test)


def _score(true: list[int], probabilities: NDArray[np.float64], labels: tuple[str, ...]) -> Metrics:
    from trainer.score import score  # with evaluate and scikit-learn, which the first step need not wait for

    return score(true, probabilities, labels)


def artifact_files(
    task: Task, prepared: Prepared, fitted: Fitted, scores: Scores, dataset: Dataset, journal: Journal
) -> dict[str, bytes]:
    """The files that stay beside the result."""
    return adapter_files(prepared.model) | {
        PREDICTIONS: predictions_csv(dataset.test, task.labels, scores.probabilities),
        "losses.csv": losses_csv(fitted.step_losses),
        LOG: journal.log_bytes(),
    }


def result(
    task: Task,
    dataset: Dataset,
    prepared: Prepared,
    fitted: Fitted,
    scores: Scores,
    stored: dict[str, Artifact],
    journal: Journal,
) -> Success:
    """Everything that a reader needs to judge the cell."""
    comments = [*dataset.train, *dataset.validation, *dataset.test]
    return Success(
        cell=task.cell,
        fingerprint=task.fingerprint(),
        fingerprint_fields=task.fingerprint_fields(),
        labels=list(task.labels),
        synthetic_data=task.data.source == "synthetic",
        random_weights=task.model.weights == "random",
        validation=scores.validation,
        test=scores.test,
        history=fitted.history,
        training=Training(
            best_step=fitted.best_step,
            last_step=fitted.last_step,
            planned_steps=fitted.planned_steps,
            stop=fitted.stop,
            resumed_from_step=fitted.resumed_from_step,
            tokens_seen=fitted.tokens_seen,
            longest_comment=longest(comments, prepared.tokenizer),
            dtype=prepared.precision.name,
            dtype_fallback=prepared.precision.fallback,
            peak_memory_bytes=machine.peak_memory_bytes(),
            **asdict(prepared.anatomy),
        ),
        splits=Splits(
            train=split_record(dataset.train),
            validation=split_record(dataset.validation),
            test=split_record(dataset.test),
        ),
        seconds=journal.seconds,
        start_up_seconds=round(fitted.first_step_at - process_started_at().timestamp(), 3),
        provenance=provenance(
            task, journal.attempt, machine.device_name(), prepared.copy.sha256 if prepared.copy else None
        ),
        artifacts=stored,
    )
