"""Kills a cell at random moments of its life, again and again, and compares its result with that of one left alone.

`python -m faults.kills` prints one FIGURE line. The seed decides which moments; where exactly they fall is up to the
machine's speed.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer

from contract.environment import strangers
from contract.exits import OK, PREEMPTED
from contract.result import Success, decode
from contract.store import CHECKPOINTS, MANIFEST, RESULTS, DirStore
from contract.task import Task

# Every step is followed by an evaluation and by a checkpoint: a random moment of the training meets each of them.
_CELL = {
    "cell": {"model": "bert", "labels": 2, "samples": 80},
    "hyper": {"epochs": 4, "eval_steps": 1, "early_stopping_patience": 99},
    "data": {"source": "synthetic"},
    "model": {"weights": "random"},
    "train": {"threads": 1},
    "checkpoint": {"minutes": 0.0001},
}
_LONGEST_LIFE_SECONDS = 900.0


@dataclass(frozen=True)
class Moment:
    """Up to so many seconds after the trainer said `event`, at a place in its life called `name`."""

    name: str
    event: str
    seconds: float


_MOMENTS = (
    Moment("start-up", "cell-starts", 10),
    Moment("training", "first-step", 4),
    Moment("checkpoint", "checkpoint-saved", 0),
    Moment("training", "first-step", 4),
    Moment("checkpoint", "checkpoint-saved", 0),
    Moment("publish", "trained", 0.5),
)


def main() -> int:
    """0 when every kill was recovered from, else 1."""
    parser = argparse.ArgumentParser(prog="faults.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=30, metavar="N", help="at least so many (default: 30)")
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="cells at a time (default: 2)")
    args = parser.parse_args()
    with TemporaryDirectory(prefix="kills-") as folder:
        kills, recovered = _campaign(Path(folder), args.kills, args.seed, args.jobs)
    total = kills.total()
    words = ", ".join(f"{number} {name}" for name, number in sorted(kills.items()))
    sys.stdout.write(f"seed {args.seed}: {words}\n")
    sys.stdout.write(f"FIGURE kills_recovered {recovered} {recovered} {recovered} goal == {total}\n")
    return 0 if recovered == total else 1


def _campaign(folder: Path, wanted: int, seed: int, jobs: int) -> tuple[Counter[str], int]:
    """Kills by moment, and how many of them belong to cells that ended as the one that was left alone."""
    alone = _finished(folder / "alone")
    kills: Counter[str] = Counter()
    recovered = 0
    lives = count()
    with ThreadPoolExecutor(jobs) as pool:
        while kills.total() < wanted:
            numbers = [next(lives) for _ in range(min(jobs, -(-(wanted - kills.total()) // len(_MOMENTS))))]
            for met, same in pool.map(lambda number: _life(folder / str(number), seed + number, alone), numbers):
                kills += met
                recovered += met.total() if same else 0
    return kills, recovered


def _life(folder: Path, seed: int, alone: dict[str, object]) -> tuple[Counter[str], bool]:
    """Kill one cell at each moment in turn, then let it finish: the kills, and whether it ended like the other."""
    moments = random.Random(seed)  # noqa: S311
    kills: Counter[str] = Counter()
    for moment in moments.sample(_MOMENTS, len(_MOMENTS)):
        delay = moments.uniform(0, moment.seconds)
        number = moments.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM))
        if _is_killed(folder, moment, delay, number):
            kills[moment.name] += 1
    return kills, _is_same(_finished(folder), alone, folder.name)


def _is_same(found: dict[str, object], alone: dict[str, object], name: str) -> bool:
    """Whether nothing differs; says what does."""
    different = sorted(part for part in found.keys() | alone.keys() if found.get(part) != alone.get(part))
    if different:
        sys.stdout.write(f"cell {name} differs in {', '.join(different)}\n")
    return not different


def _is_killed(folder: Path, moment: Moment, delay: float, number: signal.Signals) -> bool:
    """Whether the signal ended it; after SIGTERM it may also reach its end, and it may be done already."""
    with _trainer(folder) as process:
        if not _says(process, moment.event):
            return False
        if moment.name == "checkpoint":
            _await_half_a_checkpoint(folder, process)
        time.sleep(delay)
        process.send_signal(number)
        process.communicate()
    if process.returncode not in (OK.number, PREEMPTED.number, -signal.SIGKILL):
        raise RuntimeError(f"{folder.name}: {number.name} at {moment.name} ended it with {process.returncode}")
    return process.returncode != OK.number


def _await_half_a_checkpoint(folder: Path, process: subprocess.Popen[str]) -> None:
    """Return when one is being written, or when it is too late for that."""
    store = DirStore(folder)
    while process.poll() is None:
        keys = list(store.list(CHECKPOINTS))
        places = {key.rpartition("/")[0] for key in keys}
        if len(places) > sum(key.endswith(f"/{MANIFEST}") for key in keys):
            return


def _finished(folder: Path) -> dict[str, object]:
    """Let the cell run to its end: what it is worth, its artifacts byte by byte."""
    with _trainer(folder) as process:
        words, _ = process.communicate()
    store = DirStore(folder)
    if process.returncode != OK.number:
        raise RuntimeError(f"{folder.name} ended with {process.returncode}: {words}")
    (key,) = store.list(RESULTS)
    if left := list(store.list(CHECKPOINTS)):
        raise RuntimeError(f"{folder.name} left {left[0]} behind")
    success = decode(store.get(key) or b"", Success)
    digests = {name: part.sha256 for name, part in success.artifacts.items() if name != "log.txt"}
    return success.model_dump(include={"validation", "test", "history"}) | digests


def _says(process: subprocess.Popen[str], event: str) -> bool:
    return any(line.split()[1:2] == [event] for line in process.stdout or ())


@contextmanager
def _trainer(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A trainer at work, which is not let live for ever."""
    command = [sys.executable, "-m", "trainer"]
    environ = _environment(folder, os.environ)
    with subprocess.Popen(  # noqa: S603
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        alarm = Timer(_LONGEST_LIFE_SECONDS, process.send_signal, [signal.SIGABRT])
        alarm.start()
        try:
            yield process
        finally:
            alarm.cancel()
            process.kill()


def _environment(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    task = Task.model_validate(_CELL | {"results": {"uri": str(folder)}})
    foreign = strangers(environ)
    return {name: value for name, value in environ.items() if name not in foreign} | task.to_env()


if __name__ == "__main__":
    sys.exit(main())
