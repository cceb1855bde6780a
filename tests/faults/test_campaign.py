"""A fault of every kind against a publisher on a real MinIO: the short form of `make faults`."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from contract.exits import OK
from faults.attempts import PUBLISHER, Place, Program, attempt, prepare
from faults.campaign import plan, run
from faults.kinds import KINDS, Kind
from faults.outcome import Outcome
from faults.servers import Kept, server, server_of
from faults.victim import Victim, get_to_know
from faults.worth import left_over, worth_of
from tests.cluster.minio import Minio

SEED = 20261125
_CHANCES = 10
"""Of a kind to hit something: a signal may come after the end of its process, and then counts as nothing."""

pytestmark = pytest.mark.timeout(600, func_only=True)


@pytest.fixture(scope="module")
def victim(minio: Minio) -> Victim:
    prepare(PUBLISHER)
    return get_to_know(PUBLISHER, server_of(minio))


@pytest.fixture(scope="module")
def outcomes(
    victim: Victim, minio: Minio, cluster_binaries: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Outcome]]:
    """By kind."""
    folder = tmp_path_factory.mktemp("faults")
    with ExitStack() as stack:
        servers = {
            Kept.ALONE: server_of(minio),
            Kept.KILLED: stack.enter_context(server(cluster_binaries, folder / "killed", Kept.KILLED)),
            Kept.FILLED: stack.enter_context(server(cluster_binaries, folder / "filled", Kept.FILLED)),
        }
        found: dict[str, Outcome] = {}

        def keep(outcome: Outcome) -> None:
            assert_good(outcome)
            found[outcome.kind] = outcome

        def is_missed(kind: Kind) -> bool:
            return not (found[kind.name].met or kind.sign)

        for chance in range(_CHANCES):
            begin, end = chance * len(KINDS), (chance + 1) * len(KINDS)
            faults = [each for each in plan(victim, SEED, end)[begin:] if chance == 0 or is_missed(each.kind)]
            if not faults:
                break
            run(victim, servers, faults, lanes=8, seconds=600, keep=keep)
        yield found


def assert_good(outcome: Outcome) -> None:
    assert outcome.codes[-1] == OK.number, outcome
    assert (outcome.lost, outcome.corrupt, outcome.published_twice) == (None, None, None), outcome
    assert (outcome.hung, outcome.undocumented, outcome.left_over) == (False, [], 0), outcome


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_nothing_is_lost_or_corrupt_or_done_twice(outcomes: dict[str, Outcome], kind: Kind):
    outcome = outcomes[kind.name]
    assert outcome.met or kind.sign, "the fault hit nothing"
    assert_good(outcome)


def test_a_plan_is_its_seed_s_and_does_not_depend_on_its_length(victim: Victim):
    short, long = plan(victim, SEED, 30), plan(victim, SEED, 60)
    assert list(map(str, long[:30])) == list(map(str, short))
    assert list(map(str, plan(victim, SEED + 1, 30))) != list(map(str, short))
    assert {fault.kind for fault in short} == set(KINDS)


def test_the_undisturbed_attempt_is_known_in_each_of_its_beginnings(victim: Victim):
    requests = {name: beginning.requests for name, beginning in victim.beginnings.items()}
    methods = {name: {(r.method, r.place) for r in asked} for name, asked in requests.items()}
    assert ("PUT", "results/") in methods["nothing"]
    assert ("GET", "checkpoints/") in methods["checkpoint"]
    assert ("PUT", "checkpoints/") not in methods["result"], "it was published before"


def test_after_an_error_nothing_more_begins_and_what_was_found_is_kept(victim: Victim, minio: Minio):
    found: list[Outcome] = []

    def keep(outcome: Outcome) -> None:
        found.append(outcome)
        raise OSError("the disk of the records is full")

    server = server_of(minio)
    with pytest.raises(OSError, match="the disk of the records"):
        run(victim, {Kept.ALONE: server}, plan(victim, SEED, 3), lanes=1, seconds=600, keep=keep)
    assert len(found) < 3
    assert_good(found[0])


@pytest.mark.usefixtures("victim")
def test_an_attempt_that_hangs_says_where(minio: Minio):
    hanging = Program("hanging", partial(signal.sigwait, [signal.SIGUSR2]), (), deadline_seconds=10)
    ended = attempt(hanging, Place(server_of(minio), "hanging/"))
    assert ended.code is None
    assert "in _run" in ended.words


def test_checkpoints_of_an_attempt_that_was_killed_after_it_had_published_go_with_the_next(
    victim: Victim, minio: Minio
):
    place = Place(server_of(minio), "killed-late/")
    beginnings = victim.beginnings
    place.server.put_all(place.prefix, {**beginnings["checkpoint"].objects, **beginnings["result"].objects})
    assert left_over(place.objects())
    ended = attempt(PUBLISHER, place)
    assert ended.code == OK.number
    assert left_over(place.objects()) == []
    assert worth_of(place.objects()) == victim.worth
