"""Where everything lies in a results store. The only file that knows a key.

results/<cell-id>/<fingerprint>.json                     a Success, written last and once
attempts/<cell-id>/<fingerprint>/<attempt>/...           artifacts, progress.json, failure.json of one attempt
pods/<cell-id>/<fingerprint>/<uid>.json                  a PodFailure, written once, by a launcher that saw the pod
checkpoints/<cell-id>/<fingerprint>/<attempt>/<step>/... what a training needs to go on, until its result is published
runs/<run>.json                                          what a submit asked for
plans/<run>.json                                         what a submit was expected to take
images/<run>/<hash of the image's name>.json             which image a tag stands for in this run
held/<run>/<namespace>/<owner>.json                      cells whose Jobs wait for another cell to succeed
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

RESULTS = "results/"
ATTEMPTS = "attempts/"
PODS = "pods/"
CHECKPOINTS = "checkpoints/"
RUNS = "runs/"
FAILURE = "failure.json"
PROGRESS = "progress.json"
LOG = "log.txt"
PREDICTIONS = "predictions.csv"
MANIFEST = "manifest.json"


def result_key(cell_id: str, fingerprint: str) -> str:
    """Where the cell's one Success lives."""
    return f"{RESULTS}{cell_id}/{fingerprint}.json"


def attempt_key(cell_id: str, fingerprint: str, attempt: str, name: str) -> str:
    """Where a file of one attempt lives."""
    return f"{ATTEMPTS}{cell_id}/{fingerprint}/{attempt}/{name}"


def pod_failure_key(cell_id: str, fingerprint: str, uid: str) -> str:
    """Where the failure of one pod lives."""
    return f"{PODS}{cell_id}/{fingerprint}/{uid}.json"


def checkpoint_key(cell_id: str, fingerprint: str, attempt: str, step: int, name: str) -> str:
    """Where a part of one checkpoint lives; attempts that overlap never write to the same place."""
    return f"{CHECKPOINTS}{cell_id}/{fingerprint}/{attempt}/{step}/{name}"


def run_key(run: str) -> str:
    """Where a run's request lives."""
    return f"{RUNS}{run}.json"


def plan_key(run: str) -> str:
    """Where lives what a run was expected to take."""
    return f"plans/{run}.json"


def image_key(run: str, image: str) -> str:
    """Where the digest of a tag lives that the run uses. Hashed: an image's name may be longer than a file's."""
    return f"images/{run}/{hashlib.sha256(image.encode()).hexdigest()[:16]}.json"


def held_key(run: str, namespace: str, owner: str) -> str:
    """Where it is kept which cells of a run an owner holds back in a namespace."""
    return f"held/{run}/{namespace}/{owner}.json"


@dataclass(frozen=True)
class AttemptFile:
    """What the key of a file of an attempt says."""

    key: str
    cell_id: str
    fingerprint: str
    attempt: str
    name: str

    @property
    def place(self) -> str:
        """The beginning of the keys of all files of its attempt."""
        return self.key.removesuffix(self.name)


@dataclass(frozen=True)
class CheckpointPart:
    """What the key of a part of a checkpoint says."""

    key: str
    cell_id: str
    fingerprint: str
    attempt: str
    step: str
    name: str

    @property
    def place(self) -> str:
        """The beginning of the keys of all checkpoints of its attempt."""
        return self.checkpoint.removesuffix(f"{self.step}/")

    @property
    def checkpoint(self) -> str:
        """The beginning of the keys of all parts of its checkpoint."""
        return self.key.removesuffix(self.name)


def is_inside(key: str) -> bool:
    """Whether the key stays in the store where that is a folder: `..` or an absolute path would lead out of it."""
    return {"", ".", ".."}.isdisjoint(key.split("/"))


def results_by_cell(keys: Iterable[str]) -> dict[str, list[str]]:
    """Cell id -> fingerprints, from the keys under RESULTS."""
    found: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        cell_id, _, name = key.removeprefix(RESULTS).partition("/")
        found[cell_id].append(name.removesuffix(".json"))
    return found


def pod_failures_by_cell(keys: Iterable[str]) -> dict[tuple[str, str], list[str]]:
    """(cell id, fingerprint) -> keys, from the keys under PODS."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key in keys:
        cell_id, _, rest = key.removeprefix(PODS).partition("/")
        found[cell_id, rest.partition("/")[0]].append(key)
    return found


def attempt_file(key: str) -> AttemptFile | None:
    """The parts of a key under ATTEMPTS; None for a file that no trainer wrote."""
    parts = key.removeprefix(ATTEMPTS).split("/")
    return AttemptFile(key, *parts) if len(parts) == 4 else None


def checkpoint_part(key: str) -> CheckpointPart | None:
    """The parts of a key under CHECKPOINTS; None for a file that no trainer wrote."""
    parts = key.removeprefix(CHECKPOINTS).split("/")
    return CheckpointPart(key, *parts) if len(parts) == 5 else None
