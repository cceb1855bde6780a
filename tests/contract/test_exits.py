"""Exit codes are a closed, documented set."""

import pytest

from contract import exits
from contract.exits import EXIT_CODES, ExitCode, ProgramError


def declared() -> list[ExitCode]:
    return [value for value in vars(exits).values() if isinstance(value, ExitCode)]


def test_every_declared_code_is_registered_under_its_own_number_and_name():
    """Two codes of one number would silently leave one of them out of the table."""
    assert sorted(code.number for code in declared()) == sorted(EXIT_CODES)
    assert len({code.name for code in EXIT_CODES.values()}) == len(EXIT_CODES)
    assert all(number == code.number for number, code in EXIT_CODES.items())


def test_numbers_stay_out_of_the_shells_way():
    assert all(0 <= number < 64 for number in EXIT_CODES)


@pytest.mark.parametrize(
    ("code", "number", "retriable"),
    [
        (exits.OK, 0, False),
        (exits.UNEXPECTED, 1, True),
        (exits.BAD_INPUT, 2, False),
        (exits.INCOMPLETE, 3, True),
        (exits.NON_FINITE_LOSS, 10, False),
        (exits.PREEMPTED, 15, True),
    ],
)
def test_documented_numbers_stay(code: ExitCode, number: int, retriable: bool):
    """job.yaml's podFailurePolicy and people's scripts hold these numbers."""
    assert (code.number, code.retriable) == (number, retriable)


def test_every_named_error_ends_with_a_registered_code():
    from trainer import failures

    kinds = [kind for kind in ProgramError.__subclasses__() if kind.__module__ in (exits.__name__, failures.__name__)]
    assert len(kinds) >= 5
    assert all(EXIT_CODES[kind.exit_code.number] is kind.exit_code for kind in kinds)
