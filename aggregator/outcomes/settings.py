"""Which settings of the cells are not the study's, so that a variant is not read as the study."""

from collections.abc import Sequence
from typing import Any

from contract.cell import MODELS
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


def deviations(tasks: Sequence[Task]) -> list[str]:
    """One line for each changed setting and value, with the models that it holds for unless these are all."""
    found: dict[str, dict[str, None]] = {}
    for task in tasks:
        for name, value in changed_settings(task).items():
            found.setdefault(f"{name} = {_plain(value)}", {})[task.cell.model] = None
    every = {task.cell.model for task in tasks}
    return [line + ("" if set(models) == every else f" ({_titles(models)})") for line, models in found.items()]


def _titles(models: dict[str, None]) -> str:
    return ", ".join(MODELS[model].title for model in models)


def _plain(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)
