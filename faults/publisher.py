"""A publisher alone: an attempt of the trainer's own, but for the training, which is a chain of hashes.

Store, journal, signals, checkpoints, artifacts, result, exit codes: all is the trainer's code. Each step follows from
the bytes of the checkpoint before, so one damaged byte, or a step done twice, shows in the artifacts.
"""

import os
from hashlib import shake_256
from pathlib import Path
from tempfile import TemporaryDirectory

from contract.keys import LOG
from contract.store import Store
from contract.task import Task
from tests.factories import success
from trainer.attempt import run
from trainer.checkpointer import Checkpointer
from trainer.failures import Termination
from trainer.journal import Journal
from trainer.provenance import provenance
from trainer.publish import publish_success, put_artifacts
from trainer.snapshot import BEST_WEIGHTS, FILES, Snapshot

STEPS = 3
_STEP_BYTES = 2**25
"""Of memory, which a step takes and gives back, as one of a training does."""
CONDITIONS = {"device": "none"}
_BYTES = {BEST_WEIGHTS: 100_000, "adapter_model.safetensors": 100_000}
"""Two files are large enough for a connection to break in their middle."""
_FEW_BYTES = 1000
_ARTIFACTS = ("adapter_model.safetensors", "predictions.csv")


def main() -> int:
    """Publish the cell that the environment asks for; returns the exit code."""
    return run(os.environ, publish)


def publish(task: Task, store: Store, journal: Journal, termination: Termination) -> bool:
    """The trainer's story from its checkpoint on; False when another attempt had published before."""
    with termination.deferred():
        checkpointer = Checkpointer(store, task, journal, termination, CONDITIONS)
        snapshot = checkpointer.resume() or start(task)
        journal.event("first-step", planned=STEPS)
        while snapshot.step < STEPS:
            snapshot = step(by_way_of_the_disk(snapshot))
            if checkpointer.is_due():
                checkpointer.keep(snapshot)
        stored = put_artifacts(store, task, journal.attempt, artifacts(snapshot) | {LOG: journal.log_bytes()})
        by = provenance(task, journal.attempt, device=None)
        published = publish_success(store, success(task).model_copy(update={"artifacts": stored, "provenance": by}))
        checkpointer.discard()
    return published


def start(task: Task) -> Snapshot:
    """Before the first step; another cell begins with other bytes."""
    return Snapshot(0, {name: _drawn(f"{task.cell.seed} {name}".encode(), name) for name in FILES[task.train.engine]})


def step(before: Snapshot) -> Snapshot:
    """One step of the chain: each part follows from itself and from the number of the step."""
    number = before.step + 1
    bytearray(_STEP_BYTES)
    return Snapshot(number, {name: _drawn(data + bytes([number]), name) for name, data in before.files.items()})


def by_way_of_the_disk(snapshot: Snapshot) -> Snapshot:
    """The same, read back from files, as a trainer has its weights and its adapter."""
    with TemporaryDirectory(prefix="publisher-") as folder:
        for name, data in snapshot.files.items():
            (Path(folder) / name).write_bytes(data)
        return Snapshot(snapshot.step, {name: (Path(folder) / name).read_bytes() for name in snapshot.files})


def artifacts(last: Snapshot) -> dict[str, bytes]:
    """What the training is worth: it depends on every byte of its last state."""
    state = b"".join(last.files[name] for name in sorted(last.files))
    return {name: _drawn(state, name) for name in _ARTIFACTS}


def _drawn(seed: bytes, name: str) -> bytes:
    return shake_256(seed).digest(_BYTES.get(name, _FEW_BYTES))
