"""A store that looks like the study half done: every kind of outcome, accuracies of a plausible shape."""

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from contract.grid import Grid, load_grid
from contract.keys import PREDICTIONS, attempt_key, result_key
from contract.result import Evaluation, Split, Success, artifact
from contract.revision import resolve
from contract.store import Store
from contract.task import Task
from tests import factories

_ABILITY = {"qwen2.5": 0.9, "llama3.2": 1.0, "gpt2-xl": 0.6, "gemma3": 0.8, "bert": 0.35, "minilm": 0.5}


def study_grid(*, seeds: tuple[int, ...] = (0,)) -> Grid:
    return load_grid("full").model_copy(update={"seeds": seeds})


def tasks_of(grid: Grid, store: Store) -> list[Task]:
    return resolve(grid.tasks(store.uri))


def accuracy(task: Task) -> float:
    """Falls with labels, grows with samples and with the model's ability; in 0..1."""
    cell = task.cell
    guessing = 1 / cell.labels
    difficulty = (math.log2(cell.labels) - 1) / 3
    skill = _ABILITY[cell.model] * (1 - 0.62 * difficulty) + 0.08 * difficulty * (cell.samples / 800 - 1)
    wobble = 0.015 * math.sin(7 * cell.seed + 3 * cell.labels + cell.samples / 100)
    return min(1.0, max(guessing, guessing + (1 - guessing) * (skill + wobble)))


def finished(task: Task) -> Success:
    """A success whose learning curve levels off."""
    reached = accuracy(task)
    success = factories.success(task, validation=min(1.0, reached + 0.02), test=reached)
    return success.model_copy(update={"history": [_bent(look, success) for look in success.history]})


def _bent(look: Evaluation, success: Success) -> Evaluation:
    start = 1 / success.cell.labels
    share = 1 - math.exp(-5 * look.step / success.training.last_step)
    wobble = 0.02 * math.sin(look.step + success.cell.labels)
    value = min(1.0, start + (success.validation.accuracy - start) * share + wobble)
    return replace(look, accuracy=value)


def answered(store: Store, success: Success, right: NDArray[np.bool_]) -> Success:
    """`success` as if it had answered so; `right` is labels x comments of each. Its predictions are in the store."""
    labels = success.labels
    asked = [(f"{name}-{i}", label) for label, name in enumerate(labels) for i in range(right.shape[1])]
    wrong = labels[1:] + labels[:1]
    rows = [
        f"{comment},{labels[label]},{labels[label] if good else wrong[label]},0.5"
        for (comment, label), good in zip(asked, right.ravel(), strict=True)
    ]
    data = "\n".join(["id,true,predicted,p_" + labels[0], *rows, ""]).encode()
    key = attempt_key(success.cell.id, success.fingerprint, success.provenance.attempt, PREDICTIONS)
    store.put(key, data)
    return success.model_copy(
        update={
            "test": success.test.model_copy(update={"accuracy": float(right.mean())}),
            "splits": success.splits.model_copy(update={"test": Split.of(asked)}),
            "artifacts": {PREDICTIONS: artifact(key, data)},
        }
    )


def answers(task: Task, per_label: int = 50) -> NDArray[np.bool_]:
    """Right or wrong for labels x comments, at the cell's accuracy; what is hard for one cell is hard for most."""
    shape = (task.cell.labels, per_label)
    difficulty = np.random.default_rng(task.cell.labels).random(shape)
    own = np.random.default_rng(list(task.cell.id.encode())).random(shape)
    hardness = difficulty + own
    return hardness <= np.sort(hardness, axis=None)[round(accuracy(task) * hardness.size) - 1]


def fill(store: Store, tasks: list[Task], *, damage: bool = True) -> None:
    """Publish all `tasks`; with `damage` one in seven is something other than done, each kind in turn."""
    kinds = (_fail, _run, _lose, _omit, cut, age)
    for number, task in enumerate(tasks):
        publish = kinds[number // 7 % len(kinds)] if damage and number % 7 == 6 else _finish
        publish(store, task)


def cut(store: Store, task: Task) -> None:
    """Half of a result."""
    store.put(result_key(task.cell.id, task.fingerprint()), b'{"schema_version": 1, "cell"')


def age(store: Store, task: Task) -> None:
    """A result of other settings."""
    hyper = task.hyper.model_copy(update={"learning_rate": 5e-4})
    factories.publish(store, finished(task.model_copy(update={"hyper": hyper})))


def _finish(store: Store, task: Task) -> None:
    factories.publish(store, answered(store, finished(task), answers(task)))


def _fail(store: Store, task: Task) -> None:
    factories.publish(store, factories.failure(task))


def _run(store: Store, task: Task) -> None:
    factories.publish(store, factories.progress(task))


def _lose(store: Store, task: Task) -> None:
    factories.publish(store, factories.progress(task, updated_at=factories.STARTED + timedelta(hours=1)))


def _omit(store: Store, task: Task) -> None:
    """Nothing is published."""
