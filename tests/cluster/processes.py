"""Child processes that end with their owner, whatever ends it."""

import os
import socket
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from launcher.machine.children import die_with_parent
from tests.cluster.failure import ClusterFailed, log_tail
from tests.cluster.waiting import until

LOOPBACK = "127.0.0.1"
_START_SECONDS = 60.0
"""Generous: a warm start takes seconds, but tests share the machine with others that train."""


class Process:
    """A running program whose output goes to its log."""

    def __init__(self, name: str, start: Callable[[], subprocess.Popen[bytes]], log: Path) -> None:
        self.name = name
        self.log = log
        self._start = start
        self.popen = start()

    def restart(self, grace_seconds: float) -> None:
        """End it as a kubelet does, by SIGTERM and after the grace by SIGKILL, then start the same command again."""
        self.end(grace_seconds)
        self.start()

    def start(self) -> None:
        """Start the same command again, after its end."""
        self.popen = self._start()

    def end(self, grace_seconds: float) -> None:
        """By SIGTERM, and after the grace by SIGKILL."""
        if grace_seconds:
            self.popen.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.popen.wait(grace_seconds)
        self.popen.kill()
        self.popen.wait()

    def await_ready(self, ready: Callable[[], bool]) -> None:
        """Return when `ready()`. Raises ClusterFailed, with the end of the log, if the program ends or is too slow."""
        try:
            until(lambda: self._still_running() and ready(), f"{self.name} to be ready", _START_SECONDS)
        except TimeoutError as error:
            raise ClusterFailed(f"{error}; the end of {self.log}:\n{log_tail(self.log)}") from error

    def _still_running(self) -> bool:
        if (code := self.popen.poll()) is not None:
            raise ClusterFailed(f"{self.name} ended with code {code}; the end of {self.log}:\n{log_tail(self.log)}")
        return True


class Processes:
    """Starts programs and, when its `with` block ends, kills them.

    On Linux the kernel kills them should their owner die without a word, so nothing outlives a SIGKILL of pytest. It
    does so when the *thread* that started them ends: start them from the main thread.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self, binary: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Process:
        """Start one program. It sees PATH, its log's folder as HOME and `environment`: nothing else of the machine."""
        log = self._logs / f"{binary.name}.log"
        seen = {"PATH": os.environ["PATH"], "HOME": str(self._logs), **(environment or {})}
        process = Process(binary.name, lambda: _started([binary, *arguments], seen, log), log)
        self._running.append(process)
        return process

    def stop(self) -> None:
        """Kill them, the last started first. None has anything to save: their data goes with them."""
        while self._running:
            popen = self._running[-1].popen
            popen.kill()
            popen.wait()
            self._running.pop()


def _started(command: list[Path | str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )


def free_ports(count: int) -> list[int]:
    """Different ports on which nothing listens now. Held together, so that no two of them are the same."""
    held = [socket.create_server((LOOPBACK, 0)) for _ in range(count)]
    try:
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()
