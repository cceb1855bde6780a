"""Which settings of the cells are not the study's, so that a variant is not read as the study."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from contract.cell import MODELS
from contract.grid import load_grid
from contract.task import Task, setting_fields


def changed_settings(task: Task) -> dict[str, Any]:
    """Dotted name -> value of each setting that can change a result and is not at its default."""
    counted = task.fingerprint_fields()
    return {
        f"{group}.{name}": value
        for (group, name), field in setting_fields().items()
        if group != "cell" and name != "revision" and f"{group}.{name}" in counted
        if (value := getattr(getattr(task, group), name)) != field.default
    }


def in_words(changed: dict[str, Any]) -> str:
    """`hyper.epochs=1 data.labels=joy,fear`."""
    return " ".join(f"{name}={_plain(value)}" for name, value in changed.items())


@cache
def study_models() -> frozenset[str]:
    """The models of the study, which is the grid `full`; others can be trained too."""
    return frozenset(load_grid("full").models)


def deviations(tasks: Sequence[Task]) -> list[str]:
    """The models that are not the study's, then each changed setting with its models unless these are all."""
    others = dict.fromkeys(task.cell.model for task in tasks if task.cell.model not in study_models())
    return ([f"model = {_titles(others)}"] if others else []) + _changes(tasks)


def _changes(tasks: Sequence[Task]) -> list[str]:
    found: dict[str, dict[str, None]] = {}
    for task in tasks:
        for name, value in changed_settings(task).items():
            found.setdefault(f"{name} = {_plain(value)}", {})[task.cell.model] = None
    every = {task.cell.model for task in tasks}
    return [line + ("" if set(models) == every else f" ({_titles(models)})") for line, models in found.items()]


def _titles(models: Iterable[str]) -> str:
    return ", ".join(MODELS[model].title for model in models)


def _plain(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)
