"""Cells under faults, one fault a cell: an attempt that meets it, then attempts without, then the verdict."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from contract.exits import OK
from contract.keys import RESULTS
from faults.attempts import Ended, Place, Program, attempt
from faults.kinds import KINDS, Kind
from faults.outcome import Outcome
from faults.proxy import Aim, proxy_of
from faults.scene import Scene
from faults.servers import Kept, Server
from faults.victim import Victim
from faults.worth import Corrupt, Lost, Worth, difference, left_over, worth_of

_MOST_ATTEMPTS = 4
"""One under the fault, one that brings the result, and two to spare."""


@dataclass(frozen=True)
class Injection:
    """One fault of a plan, with all that its seed decides beforehand."""

    number: int
    kind: Kind
    found: str
    """What the attempt finds in the store, by its name among the victim's `beginnings`."""
    aim: Aim
    seed: str

    def __str__(self) -> str:
        aim = self.aim
        return f"{self.kind.name} at {aim.target.method} {aim.target.place} {aim.nth} x {aim.times}, found {self.found}"


def plan(victim: Victim, seed: int, faults: int) -> list[Injection]:
    """So many faults, of each kind equally many. How many there are changes none of them."""
    return [_drawn(victim, KINDS[number % len(KINDS)], number, seed) for number in range(faults)]


def _drawn(victim: Victim, kind: Kind, number: int, seed: int) -> Injection:
    words = f"{victim.program.name} {seed} {number}"
    rng = random.Random(words)  # noqa: S311
    chances = [
        (found, target)
        for found, beginning in victim.beginnings.items()
        for target in dict.fromkeys(beginning.requests)
        if kind.may_meet(target, found)
    ]
    found, target = rng.choice(chances)
    nth = rng.randrange(victim.beginnings[found].requests.count(target))
    return Injection(number, kind, found, Aim(target, nth, rng.choice(kind.times)), words)


def run(
    victim: Victim,
    servers: Mapping[Kept, Server],
    injections: Sequence[Injection],
    lanes: int,
    seconds: float,
    keep: Callable[[Outcome], None],
) -> None:
    """Endure them, each kept as soon as it is over, beginning none after `seconds`, nor after an error or Ctrl-C.

    So many at a time, but one at a time on a server that suffers itself.
    """
    last_begin = time.monotonic() + seconds

    def endure_in_time(injection: Injection) -> None:
        if time.monotonic() < last_begin:
            keep(endure(victim, servers[injection.kind.kept], injection))

    with ExitStack() as stack:
        pools = {kept: stack.enter_context(ThreadPoolExecutor(lanes if kept is Kept.ALONE else 1)) for kept in servers}
        waiting = [pools[injection.kind.kept].submit(endure_in_time, injection) for injection in injections]
        try:
            for future in as_completed(waiting):
                future.result()
        finally:
            for future in waiting:
                future.cancel()


def endure(victim: Victim, server: Server, injection: Injection) -> Outcome:
    """One cell: an attempt under the fault, then attempts without one until one ends well."""
    place = Place(server, f"{victim.program.name}-{injection.number}-{uuid4().hex[:6]}/")
    server.await_ready()
    server.put_all(place.prefix, victim.beginnings[injection.found].objects)
    undisturbed = partial(attempt, victim.program, place)
    racers: list[Ended] = []
    under_it, met = _under_the_fault(victim.program, place, injection, lambda: racers.append(undisturbed()))
    attempts = [under_it]
    while len(attempts) == 1 or (attempts[-1].code != OK.number and len(attempts) < _MOST_ATTEMPTS):
        server.await_ready()
        attempts.append(undisturbed())
    all_of_them = [under_it, *racers, *attempts[1:]]
    objects = place.objects()
    lost, corrupt = _judged(objects, victim.worth)
    return Outcome(
        victim.program.name,
        injection.number,
        injection.kind.name,
        str(injection),
        met,
        [ended.code for ended in all_of_them],
        round(under_it.seconds, 1),
        lost=lost,
        corrupt=corrupt,
        published_twice=_published_twice(place, all_of_them, was_there=injection.found == "result"),
        left_over=len(left_over(objects)),
        hung_at=next((ended.words for ended in all_of_them if ended.code is None), None),
    )


def _under_the_fault(
    program: Program, place: Place, injection: Injection, race: Callable[[], None]
) -> tuple[Ended, int]:
    """The attempt, and how many of its requests met the fault."""
    scene = Scene(place.server, random.Random(injection.seed), race)  # noqa: S311
    spoil = partial(scene.play, injection.kind.act)
    with proxy_of(place.server.minio.endpoint, injection.aim, spoil) as proxy:
        scene.proxy = proxy
        ended = attempt(program, place, proxy.endpoint, scene.begins)
        scene.close()
    return ended, scene.faults if injection.kind.shows(ended) else 0


def _judged(objects: Mapping[str, bytes], expected: Worth) -> tuple[str | None, str | None]:
    """Why the result counts as lost, and why as corrupt."""
    try:
        worth = worth_of(objects)
    except Lost as error:
        return str(error), None
    except Corrupt as error:
        return None, str(error)
    return None, difference(worth, expected)


def _published_twice(place: Place, attempts: Sequence[Ended], *, was_there: bool) -> str | None:
    """Why the result counts as published twice: by what the store kept, and by what the attempts said."""
    versions = len(place.server.versions(f"{place.prefix}{RESULTS}"))
    claims = sum(ended.says_it_published for ended in attempts)
    if versions > 1:
        return f"{versions} versions of it"
    return f"{claims} attempts say so, was there before: {was_there}" if claims + was_there > 1 else None
