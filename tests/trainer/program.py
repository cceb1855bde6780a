"""The trainer as a process: one small cell, its environment, and what it left in the store."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.result import Success, decode
from contract.store import Store
from tests.trainer.environment import SMALL, without_settings


def environment(results: Path | str, **changes: str) -> dict[str, str]:
    return without_settings(dict(os.environ)) | SMALL | {"RESULTS_URI": str(results)} | changes


def run(results: Path | str, **changes: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trainer"]
    environ = environment(results, **changes)
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=580)


@contextmanager
def running(results: Path | str, **changes: str) -> Iterator[subprocess.Popen[str]]:
    """A trainer at work, for as long as the block lasts."""
    command = [sys.executable, "-m", "trainer"]
    environ = environment(results, **changes)
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def await_event(process: subprocess.Popen[str], name: str) -> str:
    """The line in which the trainer says so; fails with all that it said instead."""
    said = []
    for line in process.stdout:
        said.append(line)
        if line.split()[1:2] == [name]:
            return line
    raise AssertionError(f"ended without {name}: {''.join(said)}")


def documents(store: Store, name: str) -> list[str]:
    return [key for key in store.list("attempts/") if key.endswith(name)]


def only(keys: list[str]) -> str:
    assert len(keys) == 1, keys
    return keys[0]


def result_of(store: Store) -> Success:
    return decode(store.get(only(list(store.list("results/")))), Success)
