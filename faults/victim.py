"""What a program does with its cell when nothing disturbs it: against that a fault is aimed, and its end compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

import psutil

from contract.exits import OK
from contract.keys import CHECKPOINTS
from contract.task import Train
from faults.attempts import Place, Program, attempt
from faults.failure import CampaignFailed
from faults.proxy import Aim, Exchange, Target, pass_on, proxy_of
from faults.servers import Server
from faults.worth import Worth, worth_of
from tests.cluster.failure import tail
from trainer.snapshot import FILES

_FIRST_MANIFEST = Aim(Target("PUT", CHECKPOINTS), nth=len(FILES[Train().engine]))


@dataclass(frozen=True)
class Beginning:
    """What an attempt finds in its store, and what it then asks of it."""

    objects: Mapping[str, bytes]
    requests: Sequence[Target]


@dataclass(frozen=True)
class Victim:
    """A program, what its result is worth, and the ways in which an attempt can begin."""

    program: Program
    worth: Worth
    beginnings: Mapping[str, Beginning]
    """With nothing in the store, with the checkpoint of an attempt that was killed, with the result."""


def get_to_know(program: Program, server: Server) -> Victim:
    """Let it work undisturbed. Raises CampaignFailed when even that fails."""
    nothing: dict[str, bytes] = {}
    from_nothing, finished = _watched(program, server, nothing)
    _, checkpoint = _watched(program, server, nothing, killed=True)
    from_checkpoint, resumed = _watched(program, server, checkpoint)
    from_result, _ = _watched(program, server, finished)
    if worth_of(resumed) != worth_of(finished):
        raise CampaignFailed(f"{program.name}: a resumed cell is worth something else than one from the start")
    beginnings = {
        "nothing": Beginning(nothing, from_nothing),
        "checkpoint": Beginning(checkpoint, from_checkpoint),
        "result": Beginning(finished, from_result),
    }
    return Victim(program, worth_of(finished), beginnings)


def _watched(
    program: Program, server: Server, found: Mapping[str, bytes], *, killed: bool = False
) -> tuple[list[Target], dict[str, bytes]]:
    """The requests of an attempt, and what it left; on request it is killed when its first checkpoint is whole."""
    place = Place(server, f"{program.name}-alone-{uuid4().hex[:6]}/")
    server.put_all(place.prefix, found)
    processes: list[psutil.Process] = []

    def kill(exchange: Exchange) -> None:
        pass_on(exchange)
        processes[0].kill()

    with proxy_of(server.minio.endpoint, _FIRST_MANIFEST if killed else None, kill) as proxy:
        ended = attempt(program, place, proxy.endpoint, processes.append)
    if ended.code != OK.number and not killed:
        raise CampaignFailed(f"{program.name} ended with {ended.code} undisturbed:\n{tail(ended.words)}")
    return proxy.requests, place.objects()
