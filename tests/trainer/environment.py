"""Environments for the trainer: one cell's settings and nothing left over from the tester's shell."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from contract.task import setting_fields

SMALL = {
    "CELL_MODEL": "bert",
    "CELL_LABELS": "2",
    "CELL_SAMPLES": "80",
    "HYPER_EPOCHS": "1",
    "DATA_SOURCE": "synthetic",
    "MODEL_WEIGHTS": "random",
    "TRAIN_THREADS": "1",
}
"""A cell that trains in seconds, without a hub."""
_GROUPS = tuple({f"{group.upper()}_" for group, _ in setting_fields()})


def without_settings(environ: dict[str, str]) -> dict[str, str]:
    """`environ` less every name that belongs to a task."""
    return {name: value for name, value in environ.items() if not name.startswith(_GROUPS)}


@contextmanager
def clean_environment(settings: dict[str, str]) -> Iterator[None]:
    """This process' environment with exactly these task settings in it."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(without_settings(before) | settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
