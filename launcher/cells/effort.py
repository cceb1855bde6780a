"""How much work a cell is, before it is trained and after. Pure."""

import math
from dataclasses import dataclass

from contract.result import Success
from contract.task import Task


@dataclass(frozen=True)
class Kind:
    """What decides how fast a cell's steps are, besides the machine."""

    model: str
    random_weights: bool
    """A tiny model of the same architecture."""
    engine: str
    precision: str


@dataclass(frozen=True)
class Effort:
    """What a whole training goes through."""

    kind: Kind
    comments: int
    """Of training and validation, each as often as there are epochs."""
    steps: int
    """Of the optimizer."""


def comments_to_train(task: Task) -> int:
    """How many comments a training goes through, each as often as there are epochs."""
    return task.samples_per_label * task.cell.labels * task.hyper.epochs


def effort_of(task: Task) -> Effort:
    """The work that a cell is going to be, if nothing stops it early."""
    hyper = task.hyper
    kind = Kind(task.cell.model, task.model.weights == "random", task.train.engine, hyper.precision)
    validated = math.ceil(task.samples_per_label / 10)  # of each label: docs/decisions/0004-draw.md
    trained = (task.samples_per_label - validated) * task.cell.labels
    steps = _steps(trained, hyper.batch_size * hyper.gradient_accumulation_steps, hyper.epochs)
    return Effort(kind, comments_to_train(task), steps)


def effort_behind(success: Success) -> Effort:
    """The work that a finished cell was meant to be."""
    settings, splits = success.fingerprint_fields, success.splits
    kind = Kind(success.cell.model, success.random_weights, settings["train.engine"], settings["hyper.precision"])
    batch = settings["hyper.batch_size"] * settings["hyper.gradient_accumulation_steps"]
    epochs = settings["hyper.epochs"]
    comments = (splits.train.comments + splits.validation.comments) * epochs
    return Effort(kind, comments, _steps(splits.train.comments, batch, epochs))


def _steps(comments: int, batch: int, epochs: int) -> int:
    return epochs * math.ceil(comments / batch)
