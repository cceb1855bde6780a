"""What a part of a campaign still has to do."""

from contract.exits import OK
from faults.attempts import PUBLISHER, TRAINER
from faults.campaign import Injection
from faults.outcome import Outcome
from faults.parts import FAULTS, lacking
from faults.proxy import Target
from faults.victim import Beginning, Victim

SEED = 20261125
REQUESTS = [Target(method, "results/") for method in ("GET", "PUT", "DELETE")]
VICTIM = Victim(PUBLISHER, {}, {"nothing": Beginning({}, REQUESTS)})
PLANNED = lacking(VICTIM, SEED, [])


def outcome(fault: Injection, met: int = 1, program: str = PUBLISHER.name) -> Outcome:
    return Outcome(program, fault.number, fault.kind.name, str(fault), met, [OK.number], 1.0, None, None, None, 0)


def test_all_is_lacking_before_the_first_and_nothing_after_the_last():
    assert len(PLANNED) == FAULTS[PUBLISHER]
    assert lacking(VICTIM, SEED, list(map(outcome, PLANNED))) == []


def test_what_was_done_is_not_done_again():
    done = [outcome(PLANNED[3]), outcome(PLANNED[0]), outcome(PLANNED[1], program=TRAINER.name)]
    numbers = [fault.number for fault in lacking(VICTIM, SEED, done)]
    assert numbers == [1, 2, *range(4, FAULTS[PUBLISHER])]


def test_a_fault_that_hit_nothing_is_made_up_for_by_a_further_one():
    done = [outcome(fault, met=int(fault.number > 1)) for fault in PLANNED]
    further = lacking(VICTIM, SEED, done)
    assert [fault.number for fault in further] == [FAULTS[PUBLISHER], FAULTS[PUBLISHER] + 1]
    assert lacking(VICTIM, SEED, [*done, *map(outcome, further)]) == []


def test_more_faults_than_are_wanted_are_enough():
    beyond = Injection(FAULTS[PUBLISHER], PLANNED[0].kind, "nothing", PLANNED[0].aim, "")
    assert lacking(VICTIM, SEED, [outcome(fault, met=3) for fault in (*PLANNED, beyond)]) == []
