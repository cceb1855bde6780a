"""Trainers that are killed again and again at random moments of their lives, each beside one that was left alone.

The seed decides when after which event the signal is sent; what the trainer was doing then, its own stack tells.
"""

import faulthandler
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Timer

from contract.exits import OK, PREEMPTED
from contract.folder import DirStore
from faults.attempts import FORKS, begin, environment
from faults.worth import Corrupt, Lost, Worth, difference, left_over, worth_of

_LONGEST_LIFE_SECONDS = 600.0
_STACK_SECONDS = 1.0
_OUTERMOST = " in <module>"
_KILLS_A_LIFE = 5
_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)
_PROGRAM = "import sys; from faults.kills import train; train(sys.argv[1])"
SETTINGS = {"HYPER_EPOCHS": "2", "HYPER_BATCH_SIZE": "4"}

_ACTIVITIES = {
    "put_artifacts": "publish",
    "artifact_files": "publish",
    "publish_success": "publish",
    "discard": "publish",
    "examine": "test",
    "keep": "checkpoint",
    "_save_checkpoint": "checkpoint",
    "resume": "resume",
    "_resume": "resume",
    "_evaluate": "evaluation",
    "take_step": "step",
    "evaluate": "evaluation",
    "_inner_training_loop": "step",
}
"""Function of either engine on the stack -> what the trainer is doing. The innermost counts; with none it starts up."""


@dataclass(frozen=True)
class Moment:
    """Up to so many seconds after the trainer said `event`."""

    event: str
    seconds: float


_STARTS = "cell-starts"
# In the order of a life: a cell that has published cannot be killed before.
_MOMENTS = (
    Moment(_STARTS, 10),
    Moment("model-ready", 1),
    Moment("first-step", 3),
    Moment("checkpoint-saved", 0.1),
    Moment("evaluation", 0.05),
    Moment("evaluation", 0.2),
    Moment("trained", 0.3),
    Moment("scored", 0.1),
)


@dataclass(frozen=True)
class Life:
    """A cell that was killed several times: by what it was doing, and in what its end differs from the other's."""

    number: int
    kills: dict[str, int]
    wrong: str | None

    @property
    def total(self) -> int:
        """Kills."""
        return sum(self.kills.values())


def live(cells: Path, seed: int, alone: Worth, number: int) -> Life:
    """Kill one cell after several events, then let it finish."""
    folder = cells / str(number)
    rng = random.Random(f"kills {seed} {number}")  # noqa: S311
    kills: dict[str, int] = {}
    try:
        for moment in sorted(rng.sample(_MOMENTS, _KILLS_A_LIFE), key=_MOMENTS.index):
            delay = rng.uniform(0, moment.seconds)
            if (activity := killed(folder, moment.event, delay, rng.choice(_SIGNALS))) is not None:
                kills[activity] = kills.get(activity, 0) + 1
        return Life(number, kills, difference(finished(folder), alone))
    except (Lost, Corrupt) as error:
        return Life(number, kills, str(error))


def finished(folder: Path, *, anew: bool = False) -> Worth:
    """Let the cell run to its end, on request in a new process: what it is worth. Raises Lost, or Corrupt."""
    with _trainer(folder, anew=anew) as process:
        words, _ = process.communicate()
    store = DirStore(folder)
    objects = {key: store.get(key) or b"" for key in store.list("")}
    if process.returncode != OK.number:
        raise Lost(f"ended with {process.returncode}: {words}")
    if left := left_over(objects):
        raise Corrupt(f"{left[0]} lies beside the result")
    return worth_of(objects)


def killed(folder: Path, event: str, delay: float, number: signal.Signals) -> str | None:
    """What it was doing when the signal ended it; None when it reached its end, after SIGTERM or before.

    Raises Lost when it ended otherwise.
    """
    with _trainer(folder, anew=event == _STARTS) as process:
        if (words := _words_without(event, process)) is not None:
            process.communicate()
            if process.returncode != OK.number:
                raise Lost(f"ended with {process.returncode} before {event}: {words}")
            return None
        time.sleep(delay)
        activity = _activity(process, _stack(folder))
        process.send_signal(number)
        process.communicate()
    if process.returncode == -signal.SIGUSR1:  # asked for its stack when its interpreter had taken down the handler
        return "exit"
    if process.returncode not in (OK.number, PREEMPTED.number, -number):
        raise Lost(f"{number.name} in {activity} ended it with {process.returncode}")
    return None if process.returncode == OK.number else activity


def _words_without(event: str, process: "subprocess.Popen[str] | Fork") -> str | None:
    """All that it said to its end; None as soon as the event is among it."""
    words = []
    for line in process.stdout or ():
        if line.split()[1:2] == [event]:
            return None
        words.append(line)
    return "".join(words)


def _activity(process: "subprocess.Popen[str] | Fork", stack: Path) -> str:
    process.send_signal(signal.SIGUSR1)
    late = time.monotonic() + _STACK_SECONDS
    while _OUTERMOST not in (told := stack.read_text()) and time.monotonic() < late and process.poll() is None:
        time.sleep(0.001)
    functions = [line.rpartition(" in ")[2] for line in told.splitlines()]
    return next((_ACTIVITIES[name] for name in functions if name in _ACTIVITIES), "start-up")


@contextmanager
def _trainer(folder: Path, *, anew: bool) -> Iterator["subprocess.Popen[str] | Fork"]:
    """A trainer at work, which is not let live for ever: a new process, or a fork that has no imports to do."""
    command = [sys.executable, "-c", _PROGRAM, str(_stack(folder))]
    environ = environment(str(folder)) | SETTINGS
    with (
        subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
        if anew
        else Fork(environ, _stack(folder))
    ) as process:
        alarm = Timer(_LONGEST_LIFE_SECONDS, process.send_signal, [signal.SIGABRT])
        alarm.start()
        try:
            yield process
        finally:
            alarm.cancel()
            process.kill()


class Fork:
    """A trainer that is forked from a process with its imports done; as much of subprocess.Popen as is needed here."""

    def __init__(self, environ: dict[str, str], stack: Path) -> None:
        receiving, sending = FORKS.Pipe(duplex=False)
        self._process = FORKS.Process(target=_train_in_fork, args=(environ, str(stack), sending), daemon=True)
        begin(self._process)
        sending.close()
        self.stdout = os.fdopen(os.dup(receiving.fileno()), errors="replace")
        receiving.close()

    @property
    def returncode(self) -> int | None:
        """Of a fork that has ended."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Whether it has ended."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Unless it has ended."""
        if self._process.exitcode is None:
            os.kill(self._process.pid or 0, number)

    def kill(self) -> None:
        """Unless it has ended."""
        self._process.kill()

    def communicate(self) -> tuple[str, None]:
        """What else it says, when it has ended."""
        words = self.stdout.read()
        self._process.join()
        return words, None

    def __enter__(self) -> "Fork":
        return self

    def __exit__(self, *args: object) -> None:
        self._process.join()
        self.stdout.close()


def _train_in_fork(environ: dict[str, str], stack: str, output: Connection) -> None:
    os.environ.clear()
    os.environ.update(environ)
    os.dup2(output.fileno(), sys.stdout.fileno())
    os.dup2(output.fileno(), sys.stderr.fileno())
    output.close()
    train(stack)


def train(stack: str) -> None:
    """`python -m trainer`, which on SIGUSR1 writes into the file `stack` where it is."""
    faulthandler.register(signal.SIGUSR1, Path(stack).open("w"), all_threads=False)  # noqa: SIM115 (open to the end)
    from trainer.attempt import main

    sys.exit(main())


def _stack(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.stack")
