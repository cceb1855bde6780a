"""What a cell says while it runs: events on stdout, one a line, and a small progress object in the store.

The progress object is written by a thread of its own, so that a cell that downloads weights still shows a pulse, and
a cell that is killed leaves its last lines behind.
"""

import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from contract.exits import StoreFailed
from contract.keys import LOG, PROGRESS, attempt_key
from contract.redact import redacted
from contract.result import Progress, encode
from contract.store import Store
from contract.task import Task
from trainer.background import Background

_TAIL_LINES = 40
Value = str | int | float | bool | None


class Journal:
    """The log of one attempt. Safe to write to from the main thread while its own thread publishes."""

    def __init__(self, task: Task, attempt: str, store: Store) -> None:
        self.attempt = attempt
        self.seconds: dict[str, float] = {}
        """Wall time by phase."""
        self._task = task
        self._store = store
        self._fingerprint = task.fingerprint()
        self._lines: list[str] = []
        self._phase = "starting"
        self._training: dict[str, Any] = {"step": 0, "planned_steps": 0, "accuracy": None}
        self._speed: dict[str, float | None] = {"steps_per_second": None, "eta_seconds": None}
        self._done = threading.Event()
        self._write_failed = False

    @property
    def last_step(self) -> int:
        """The last optimizer step that was reported."""
        return int(self._training["step"])

    def event(self, name: str, **values: Value) -> None:
        """Print one line, as text or JSON, without credentials."""
        self._print(self._line(name, values))

    def _line(self, name: str, values: Mapping[str, Value]) -> str:
        now = datetime.now(UTC)
        values = {key: redacted(value) if isinstance(value, str) else value for key, value in values.items()}
        if self._task.log.format == "json":
            return json.dumps({"time": now.isoformat(timespec="milliseconds"), "event": name, **values})
        words = [f"{key}={_shown(value)}" for key, value in values.items() if value is not None]
        return " ".join([now.strftime("%H:%M:%S"), name, *words])

    def _print(self, line: str) -> None:
        """A full disk, or a reader that went away, ends no training: the log is in the store as well."""
        self._lines.append(line)
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except OSError as error:
            self._lines.append(self._line("stdout-not-written", {"reason": error.strerror}))
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())  # also for what is left in the buffer when the interpreter ends
            os.close(nowhere)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure a part of the story under `name`."""
        self._phase, begun = name, monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(monotonic() - begun, 3)

    def at_step(self, step: int, planned_steps: int, steps_per_second: float | None) -> None:
        """Note where the training is."""
        left = (planned_steps - step) / steps_per_second if steps_per_second else None
        self._training |= {"step": step, "planned_steps": planned_steps}
        self._speed = {"steps_per_second": steps_per_second, "eta_seconds": left}

    def at_accuracy(self, accuracy: float) -> None:
        """Note the latest validation accuracy."""
        self._training |= {"accuracy": accuracy}

    def log_bytes(self) -> bytes:
        """Everything said so far."""
        return "".join(f"{line}\n" for line in self._lines).encode()

    @contextmanager
    def pulse(self) -> Iterator[None]:
        """Keep the progress object fresh inside the block; leave a last one, and the log, behind it."""
        beating = Background(self._beat)
        try:
            beating.start()
        except (MemoryError, RuntimeError) as error:
            self.event("progress-not-written", reason=str(error))
        try:
            yield
        finally:
            self._done.set()
            beating.join()
            self._write_progress()

    def _beat(self) -> None:
        while not self._done.is_set():
            self._write_progress()
            self._done.wait(self._task.log.progress_seconds)

    def _write_progress(self) -> None:
        try:
            self._store.put(self._key(PROGRESS), encode(self._progress()))
            self._write_failed = False
        except StoreFailed as error:
            if not self._write_failed:
                self.event("progress-not-written", reason=str(error))
            self._write_failed = True

    def _progress(self) -> Progress:
        return Progress(
            cell=self._task.cell,
            fingerprint=self._fingerprint,
            attempt=self.attempt,
            phase=self._phase,
            updated_at=datetime.now(UTC),
            interval_seconds=self._task.log.progress_seconds,
            log_tail=self._lines[-_TAIL_LINES:],
            **self._training,
            **self._speed,
        )

    def write_log(self) -> None:
        """Put the whole log beside the attempt's other files. Raises StoreFailed."""
        self._store.put(self._key(LOG), self.log_bytes())

    def _key(self, name: str) -> str:
        return attempt_key(self._task.cell.id, self._fingerprint, self.attempt, name)


def _shown(value: Value) -> str:
    match value:
        case float():
            return f"{value:.4g}"
        case str() if " " in value or not value:
            return json.dumps(value)
        case _:
            return str(value)
