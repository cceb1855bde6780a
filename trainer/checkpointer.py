"""When a training is saved, what is said about it, and which checkpoints stay.

A store that cannot be written ends no training; one that cannot be read ends the attempt, which must not begin anew.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from contract.exits import StoreFailed
from contract.store import Store
from contract.task import Task
from trainer.checkpoint import Manifest, latest, remove, remove_all, save
from trainer.failures import Termination
from trainer.journal import Journal
from trainer.snapshot import Snapshot


class Checkpointer:
    """Keeps the latest checkpoint of one attempt, and finds the one that an attempt before it left."""

    def __init__(
        self, store: Store, task: Task, journal: Journal, termination: Termination, conditions: dict[str, str]
    ) -> None:
        self._store = store
        self._task = task
        self._journal = journal
        self._termination = termination
        self._conditions = conditions
        self._kept: Manifest | None = None
        self._saved_at = monotonic()

    def resume(self) -> Snapshot | None:
        """The snapshot from which to go on. Raises StoreFailed."""
        found = latest(self._store, self._task, self._conditions, self._refuse)
        if found is None:
            return None
        manifest, snapshot = found
        self._keep_only(manifest)
        self._journal.event("resumed", step=manifest.step, attempt=manifest.attempt)
        return snapshot

    def is_due(self) -> bool:
        """Whether to save after this step: SIGTERM arrived, or the time is over."""
        seconds = 60 * self._task.checkpoint.minutes
        return self._termination.arrived or bool(seconds and monotonic() - self._saved_at >= seconds)

    def keep(self, snapshot: Snapshot) -> None:
        """Save it in place of the one before. Raises Preempted once SIGTERM has arrived."""
        begun = monotonic()
        with self._failures_told("checkpoint-not-saved"):
            manifest = save(self._store, self._task, self._journal.attempt, snapshot, self._conditions)
            size = sum(part.bytes for part in manifest.parts.values())
            seconds = round(monotonic() - begun, 3)
            self._journal.event("checkpoint-saved", step=snapshot.step, bytes=size, seconds=seconds)
            self._keep_only(manifest)
        self._termination.check()
        self._saved_at = monotonic()

    def discard(self) -> None:
        """Remove the checkpoints of all attempts: the result is published."""
        with self._failures_told("checkpoints-not-removed"):
            remove_all(self._store, self._task)

    def _keep_only(self, manifest: Manifest) -> None:
        before, self._kept = self._kept, manifest
        self._termination.saved_step = manifest.step
        if before is not None:
            with self._failures_told("checkpoint-not-removed"):
                remove(self._store, before)

    def _refuse(self, place: str, reason: str) -> None:
        self._journal.event("checkpoint-not-used", key=place, reason=reason)

    @contextmanager
    def _failures_told(self, event: str) -> Iterator[None]:
        try:
            yield
        except StoreFailed as error:
            self._journal.event(event, reason=str(error))
