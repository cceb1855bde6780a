"""The state of a training as files: what its engine saves and loads itself, and what both engines remember beside it.

No pickle of a whole object: safetensors, JSON, and files of torch.save, which are read with weights_only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contract.result import Evaluation, Record
from contract.task import Engine

TRAINER_FILES = (
    "adapter_config.json",
    "adapter_model.safetensors",
    "optimizer.pt",
    "rng_state.pth",
    "scheduler.pt",
    "trainer_state.json",
)
"""Adapter with head, optimizer, random number generators, scheduler; the step, which is also the sampler's position."""
WEIGHTS = "weights.safetensors"
OPTIMIZER = "optimizer.pt"
MEMORY = "memory.json"
BEST_WEIGHTS = "best.safetensors"
_OF_BOTH_ENGINES = (MEMORY, BEST_WEIGHTS)
FILES: Mapping[Engine, tuple[str, ...]] = {
    "reference": (*TRAINER_FILES, *_OF_BOTH_ENGINES),
    "fast": (WEIGHTS, OPTIMIZER, *_OF_BOTH_ENGINES),
}
"""What a snapshot consists of."""


@dataclass(frozen=True)
class Snapshot:
    """A training after `step` optimizer steps: the content of each of its engine's FILES."""

    step: int
    files: dict[str, bytes]


class Memory(Record):
    """What is known after a step, its evaluation included."""

    history: list[Evaluation]
    step_losses: list[float]
    tokens_seen: int
    best_accuracy: float | None
    best_step: int
    evaluations_since_best: int


def read_folder(folder: Path) -> dict[str, bytes]:
    """Trainer's part of a snapshot, as it lies in its checkpoint folder."""
    return {name: (folder / name).read_bytes() for name in TRAINER_FILES}


def write_folder(snapshot: Snapshot, folder: Path) -> None:
    """The folder from which Trainer resumes."""
    folder.mkdir()
    for name in TRAINER_FILES:
        (folder / name).write_bytes(snapshot.files[name])
