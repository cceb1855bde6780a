"""The parts of a campaign. Each does what its records lack, and begins nothing when the time is over."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from contract.code_version import code_version
from faults import kills
from faults.attempts import PUBLISHER, TRAINER, Program
from faults.campaign import Injection, plan, run
from faults.kills import Life
from faults.kinds import KINDS
from faults.outcome import Outcome
from faults.races import Race, race
from faults.records import Origin, Records
from faults.servers import Kept, Server, server
from faults.victim import Victim, get_to_know
from tests.cluster.binaries import binaries

FAULTS = {PUBLISHER: 22 * len(KINDS), TRAINER: 5 * len(KINDS)}
KILLS = 60
_CELLS_AT_A_TIME = 2
_TRAINERS_AT_A_TIME = 4
"""Twice as many: under a fault they mostly wait."""


@dataclass
class Campaign:
    """Where it works, what decides its faults, and how long it may begin new ones."""

    folder: Path
    records: Path
    seed: int
    lanes: int
    last_begin: float
    stack: ExitStack
    _servers: dict[Kept, Server] = field(default_factory=dict)

    @cached_property
    def origin(self) -> Origin:
        """Of all that it finds."""
        return Origin(self.seed, code_version())

    @cached_property
    def outcomes(self) -> Records[Outcome]:
        """Of single faults."""
        return Records(self.records / "outcomes.jsonl", Outcome, self.origin)

    @cached_property
    def races(self) -> Records[Race]:
        """Of both stores."""
        return Records(self.records / "races.jsonl", Race, self.origin)

    @cached_property
    def lives(self) -> Records[Life]:
        """Of trainers that were killed."""
        return Records(self.records / "lives.jsonl", Life, self.origin)

    def found(self) -> tuple[list[Outcome], list[Race], list[Life]]:
        """So far. Raises BadInput for the records of another campaign."""
        return self.outcomes.load(), self.races.load(), self.lives.load()

    @property
    def kills(self) -> int:
        """So far."""
        return sum(life.total for life in self.lives.load())

    @property
    def seconds_left(self) -> float:
        """To begin something."""
        return self.last_begin - time.monotonic()

    def server(self, kept: Kept) -> Server:
        """Started when it is first asked for."""
        if kept not in self._servers:
            starting = server(binaries(), self.folder / kept.name.lower(), kept)
            self._servers[kept] = self.stack.enter_context(starting)
        return self._servers[kept]


def hold_races(campaign: Campaign) -> None:
    """On a folder, and on MinIO."""
    alone = campaign.server(Kept.ALONE)
    places = {
        "a folder": (str(campaign.folder / "race"), {}),
        "MinIO": (f"s3://{alone.bucket}/race", alone.minio.environment()),
    }
    held = {found.store for found in campaign.races.load()}
    for store, (uri, environment) in places.items():
        if store not in held and campaign.seconds_left > 0:
            campaign.races.add(race(store, uri, environment))


def kill_trainers(campaign: Campaign) -> None:
    """Until there are enough kills, two cells at a time."""
    if campaign.kills >= KILLS or campaign.seconds_left < 0:
        return
    folder = campaign.folder / "kills"
    folder.mkdir()
    live = partial(kills.live, folder, campaign.seed, kills.finished(folder / "alone", anew=True))
    with ThreadPoolExecutor(_CELLS_AT_A_TIME) as pool:
        while campaign.kills < KILLS and campaign.seconds_left > 0:
            begun = len(campaign.lives.load())
            for life in pool.map(live, range(begun, begun + _CELLS_AT_A_TIME)):
                campaign.lives.add(life)


def torment_publishers(campaign: Campaign) -> None:
    """Faults against a publisher alone."""
    _torment(campaign, PUBLISHER, campaign.lanes)


def torment_trainers(campaign: Campaign) -> None:
    """Faults against the whole trainer."""
    _torment(campaign, TRAINER, _TRAINERS_AT_A_TIME)


def _torment(campaign: Campaign, program: Program, lanes: int) -> None:
    if took_place(program, campaign.outcomes.load()) >= FAULTS[program] or campaign.seconds_left < 0:
        return
    victim = get_to_know(program, campaign.server(Kept.ALONE))
    while (waiting := lacking(victim, campaign.seed, campaign.outcomes.load())) and campaign.seconds_left > 0:
        servers = {kept: campaign.server(kept) for kept in {fault.kind.kept for fault in waiting}}
        run(victim, servers, waiting, lanes, campaign.seconds_left, campaign.outcomes.add)


def took_place(program: Program, outcomes: Sequence[Outcome]) -> int:
    """How many faults hit the program."""
    return sum(outcome.met > 0 for outcome in outcomes if outcome.program == program.name)


def lacking(victim: Victim, seed: int, outcomes: Sequence[Outcome]) -> list[Injection]:
    """What is still to be done of the plan, which is longer by one fault for each that hit nothing."""
    done = {outcome.number for outcome in outcomes if outcome.program == victim.program.name}
    length = len(done) + FAULTS[victim.program] - took_place(victim.program, outcomes)
    return [fault for fault in plan(victim, seed, length) if fault.number not in done]


PARTS: dict[str, Callable[[Campaign], None]] = {
    "races": hold_races,
    "kills": kill_trainers,
    "trainer": torment_trainers,
    "publisher": torment_publishers,
}
