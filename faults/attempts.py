"""One attempt at one cell as a process: the trainer, or a publisher alone."""

import faulthandler
import fcntl
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from tempfile import TemporaryDirectory

import psutil

from contract.environment import strangers
from contract.task import Task
from faults.servers import Server

_PIPE_BYTES = 2**20
_STACKS_SECONDS = 2.0
"""For a program that hangs to write down where."""
FORKS = multiprocessing.get_context("forkserver")

# Every step is followed by an evaluation and by a checkpoint: a random moment of the training meets each of them.
SMALL_CELL = {
    "cell": {"model": "bert", "labels": 2, "samples": 80},
    "hyper": {"epochs": 1, "batch_size": 16, "eval_steps": 1, "early_stopping_patience": 99},
    "data": {"source": "synthetic"},
    "model": {"weights": "random"},
    "train": {"threads": 1},
    "checkpoint": {"minutes": 0.00001},
    "log": {"progress_seconds": 60},
}


@dataclass(frozen=True)
class Program:
    """A program that works on the small cell, and how long it may take over it, whatever happens.

    `modules` are what its processes, started by the thousand, need not import: they are forks of one that has done so.
    """

    name: str
    main: Callable[[], int]
    modules: tuple[str, ...]
    deadline_seconds: float


@dataclass(frozen=True)
class Place:
    """Where a cell's objects lie."""

    server: Server
    prefix: str

    def environment(self, endpoint: str) -> dict[str, str]:
        """What an S3 client and a trainer read, with the server behind `endpoint`."""
        uri = f"s3://{self.server.bucket}/{self.prefix.rstrip('/')}"
        return self.server.minio.environment() | {"AWS_ENDPOINT_URL_S3": endpoint} | environment(uri)

    def objects(self) -> dict[str, bytes]:
        """By key."""
        return self.server.objects(self.prefix)


@dataclass(frozen=True)
class Ended:
    """An attempt: its exit code, None when it was not over at its deadline, and what it said."""

    code: int | None
    words: str
    seconds: float

    @property
    def says_it_published(self) -> bool:
        """By its log."""
        return any(line.split()[1:2] == ["published"] for line in self.words.splitlines())


def environment(results_uri: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """This one without what belongs to a cell, and with the small cell."""
    task = Task.model_validate(SMALL_CELL | {"results": {"uri": results_uri}})
    foreign = strangers(environ)
    return {name: value for name, value in environ.items() if name not in foreign} | task.to_env()


def prepare(*programs: Program) -> None:
    """Have what they import imported once; before the first attempt."""
    FORKS.set_forkserver_preload([module for program in programs for module in program.modules])


def begin(process: BaseProcess) -> None:
    """Start a fork that this thread alone will ask how it ended.

    Whenever one begins, multiprocessing asks all that it knows of. The end is told once: who asks second hears 255.
    """
    process.start()
    multiprocessing.process._children.discard(process)  # type: ignore[attr-defined]


def attempt(
    program: Program, place: Place, endpoint: str | None = None, begins: Callable[[psutil.Process], None] | None = None
) -> Ended:
    """Run it to its end, or to its deadline. `begins` gets the process as soon as there is one."""
    environ = place.environment(endpoint or place.server.minio.endpoint)
    with _pipe(program.name) as (reading, pipe):
        begun = time.monotonic()
        process = FORKS.Process(target=_run, args=(program.main, environ, pipe), daemon=True)
        begin(process)
        if begins is not None:
            begins(psutil.Process(process.pid))
        process.join(program.deadline_seconds)
        if (code := process.exitcode) is None:
            os.kill(process.pid or 0, signal.SIGUSR1)
            process.join(_STACKS_SECONDS)
        process.kill()
        process.join()
        return Ended(code, os.read(reading, _PIPE_BYTES).decode(errors="replace"), time.monotonic() - begun)


@contextmanager
def _pipe(name: str) -> Iterator[tuple[int, str]]:
    """Its end to read from, and the name under which a program finds the other. It holds all that a program says."""
    with TemporaryDirectory(prefix=f"{name}-") as folder:
        pipe = f"{folder}/words"
        os.mkfifo(pipe)
        reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            yield reading, pipe
        finally:
            os.close(reading)


def _run(main: Callable[[], int], environ: dict[str, str], output: str) -> None:
    """In the fork: become the program."""
    os.environ.clear()
    os.environ.update(environ)
    stream = os.open(output, os.O_WRONLY)
    os.dup2(stream, sys.stdout.fileno())
    os.dup2(stream, sys.stderr.fileno())
    faulthandler.register(signal.SIGUSR1, file=sys.stderr)
    sys.exit(main())


def _publisher() -> int:
    from faults.publisher import main

    return main()


def _trainer() -> int:
    from trainer.attempt import main

    return main()


PUBLISHER = Program("publisher", _publisher, ("faults.publisher", "contract.s3", "boto3"), 300)
TRAINER = Program("trainer", _trainer, ("faults.stack", "trainer.attempt", "contract.s3", "boto3"), 600)
