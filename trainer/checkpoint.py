"""A snapshot in the store: its files first, then a manifest with the size and sha256 of each.

What has no manifest was never finished, what does not agree with it is damaged; neither is used.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Literal

from contract.keys import CHECKPOINTS, MANIFEST, CheckpointPart, checkpoint_key, checkpoint_part
from contract.result import Document, Record, Unreadable, decode, encode
from contract.store import Store
from contract.task import Task
from trainer.snapshot import FILES, Snapshot

LAYOUT = 1
"""Raised when the files of a snapshot mean something else."""

Refused = Callable[[str, str], None]
"""Hears where a checkpoint lies that is not used, and why."""


class Part(Record):
    """A file of the snapshot."""

    bytes: int
    sha256: str


class Manifest(Document):
    """What a whole checkpoint consists of, and where it can go on."""

    status: Literal["checkpoint"] = "checkpoint"
    layout: int
    attempt: str
    step: int
    conditions: dict[str, str]
    """Device, compute type and versions of the libraries: under others the training would not go on as it was."""
    parts: dict[str, Part]


def save(store: Store, task: Task, attempt: str, snapshot: Snapshot, conditions: dict[str, str]) -> Manifest:
    """Write all of it, the manifest last. Raises StoreFailed."""
    manifest = Manifest(
        cell=task.cell,
        fingerprint=task.fingerprint(),
        layout=LAYOUT,
        attempt=attempt,
        step=snapshot.step,
        conditions=conditions,
        parts={name: _described(data) for name, data in snapshot.files.items()},
    )
    for name, data in snapshot.files.items():
        store.put(_key(manifest, name), data)
    store.put(_key(manifest, MANIFEST), encode(manifest))
    return manifest


def latest(store: Store, task: Task, conditions: dict[str, str], refused: Refused) -> tuple[Manifest, Snapshot] | None:
    """The furthest checkpoint from which the task can go on, whichever attempt wrote it. Raises StoreFailed."""
    usable = []
    for place, parts in _by_checkpoint(store.list(f"{CHECKPOINTS}{task.cell.id}/")).items():
        try:
            usable.append((_manifest(store, task, parts, conditions), place))
        except Unreadable as error:
            refused(place, str(error))
    for manifest, place in sorted(usable, key=lambda found: (found[0].step, found[0].attempt), reverse=True):
        try:
            return manifest, _snapshot(store, manifest)
        except Unreadable as error:
            refused(place, str(error))
    return None


def remove(store: Store, manifest: Manifest) -> None:
    """Delete one checkpoint, the manifest first: what is half deleted is no checkpoint. Raises StoreFailed."""
    for name in (MANIFEST, *manifest.parts):
        store.delete(_key(manifest, name))


def remove_all(store: Store, task: Task) -> None:
    """Delete every checkpoint of the task's fingerprint, of whichever attempt. Raises StoreFailed."""
    keys = list(store.list(f"{CHECKPOINTS}{task.cell.id}/{task.fingerprint()}/"))
    for key in sorted(keys, key=lambda key: not key.endswith(f"/{MANIFEST}")):
        store.delete(key)


def _by_checkpoint(keys: Iterable[str]) -> dict[str, dict[str, CheckpointPart]]:
    """Place -> name -> part."""
    found: dict[str, dict[str, CheckpointPart]] = defaultdict(dict)
    for part in filter(None, map(checkpoint_part, keys)):
        found[part.checkpoint][part.name] = part
    return found


def _manifest(store: Store, task: Task, parts: dict[str, CheckpointPart], conditions: dict[str, str]) -> Manifest:
    """Raises Unreadable with the reason why the task cannot go on from there."""
    if any(part.fingerprint != task.fingerprint() for part in parts.values()):
        raise Unreadable("it belongs to other settings")
    data = store.get(parts[MANIFEST].key) if MANIFEST in parts else None
    if data is None:
        raise Unreadable("it was not written to its end")
    manifest = decode(data, Manifest)
    if manifest.layout != LAYOUT:
        raise Unreadable(f"layout {manifest.layout}; this program reads {LAYOUT}")
    if (manifest.fingerprint, _key(manifest, MANIFEST)) != (task.fingerprint(), parts[MANIFEST].key):
        raise Unreadable("its manifest speaks of another checkpoint")
    if set(manifest.parts) != set(FILES[task.train.engine]):
        raise Unreadable("its manifest does not list the parts that it must have")
    for name in conditions.keys() | manifest.conditions.keys():
        then, now = manifest.conditions.get(name), conditions.get(name)
        if then != now:
            raise Unreadable(f"{name} was {then}, now {now}")
    return manifest


def _snapshot(store: Store, manifest: Manifest) -> Snapshot:
    """Raises Unreadable when a part is not what the manifest says."""
    files = {}
    for name, part in manifest.parts.items():
        data = store.get(_key(manifest, name))
        if data is None:
            raise Unreadable(f"{name} is missing")
        if _described(data) != part:
            raise Unreadable(f"{name} does not match its sha256: it was damaged")
        files[name] = data
    return Snapshot(manifest.step, files)


def _described(data: bytes) -> Part:
    return Part(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def _key(manifest: Manifest, name: str) -> str:
    return checkpoint_key(manifest.cell.id, manifest.fingerprint, manifest.attempt, manifest.step, name)
