"""Many processes publish under one key at the same moment, key after key: who won, and what does everybody read?"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

from contract.keys import result_key
from contract.opening import open_store
from faults.attempts import FORKS
from faults.failure import CampaignFailed

_START_SECONDS = 120.0


@dataclass(frozen=True)
class Race:
    """One store: keys, racers for each, and where it went wrong."""

    store: str
    keys: int
    racers: int
    without_one_winner: list[str]
    """Keys under which nobody won, or more than one."""
    read_otherwise: list[str]
    """Keys of which somebody read other bytes than the winner's."""


@dataclass(frozen=True)
class Run:
    """What one racer met under one key: whether it won, and the sha256 of what it wrote and of what it read after."""

    won: bool
    wrote: str
    read: str


def race(store: str, uri: str, environment: Mapping[str, str], keys: int = 100, racers: int = 50) -> Race:
    """Processes that start each key together. Raises CampaignFailed when one of them is gone."""
    names = [result_key("race", f"{number:016x}") for number in range(keys)]
    barrier = FORKS.Barrier(racers)
    pipes = [FORKS.Pipe(duplex=False) for _ in range(racers)]
    processes = [
        FORKS.Process(target=_race, args=(number, uri, dict(environment), names, barrier, sending), daemon=True)
        for number, (_, sending) in enumerate(pipes)
    ]
    for process, (_, sending) in zip(processes, pipes, strict=True):
        process.start()
        sending.close()  # or the end of a racer would not be the end of its pipe
    found = [_runs_of(receiving) for receiving, _ in pipes]
    for process in processes:
        process.join()
    return judged(store, dict(zip(names, zip(*found, strict=True), strict=True)))


def _runs_of(racer: Connection) -> list[Run]:
    try:
        runs: list[Run] = racer.recv()
    except EOFError as error:
        raise CampaignFailed("a racer ended before the race did") from error
    return runs


def judged(store: str, runs: Mapping[str, Sequence[Run]]) -> Race:
    """From what the racers met under each key."""
    winners = {key: [run.wrote for run in of_key if run.won] for key, of_key in runs.items()}
    return Race(
        store,
        keys=len(runs),
        racers=max(map(len, runs.values())),
        without_one_winner=[key for key, won in winners.items() if len(won) != 1],
        read_otherwise=[key for key, of_key in runs.items() if {run.read for run in of_key} != set(winners[key])],
    )


def _race(
    number: int, uri: str, environment: dict[str, str], keys: list[str], barrier: Barrier, result: Connection
) -> None:
    os.environ.update(environment)
    store = open_store(uri)
    runs = []
    for key in keys:
        data = f"{number} was here\n".encode() * 500
        barrier.wait(_START_SECONDS)
        won = store.publish(key, data)
        read = store.get(key) or b""
        runs.append(Run(won, sha256(data).hexdigest(), sha256(read).hexdigest()))
    result.send(runs)
