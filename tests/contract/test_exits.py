"""Exit codes are a closed, documented set."""

from contract import exits
from contract.exits import EXIT_CODES, ProgramError


def test_codes_and_names_are_distinct_and_out_of_the_shells_way():
    assert len({code.name for code in EXIT_CODES.values()}) == len(EXIT_CODES)
    assert all(0 <= number < 64 for number in EXIT_CODES)
    declared = [value for value in vars(exits).values() if isinstance(value, exits.ExitCode)]
    assert sorted(code.number for code in declared) == sorted(EXIT_CODES)


def test_bad_input_is_2_and_never_worth_a_retry():
    assert exits.BAD_INPUT.number == 2
    assert not exits.BAD_INPUT.retriable
    assert exits.PREEMPTED.retriable


def test_every_named_error_ends_with_a_registered_code():
    from trainer import failures

    kinds = [kind for kind in ProgramError.__subclasses__() if kind.__module__ in (exits.__name__, failures.__name__)]
    assert len(kinds) >= 5
    assert all(EXIT_CODES[kind.exit_code.number] is kind.exit_code for kind in kinds)
