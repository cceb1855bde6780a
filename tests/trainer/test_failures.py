"""SIGTERM ends a cell as preempted, whatever the libraries in between make of it."""

import os
import signal
from collections.abc import Iterator

import pytest

from trainer.failures import Preempted, Termination, exit_code_of


@pytest.fixture
def termination() -> Iterator[Termination]:
    before = signal.getsignal(signal.SIGTERM)
    watching = Termination()
    watching.watch()
    yield watching
    signal.signal(signal.SIGTERM, before)


def sigterm() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def swallow() -> None:
    try:
        sigterm()
    except Exception:
        return


def wrap() -> None:
    try:
        sigterm()
    except Exception as error:
        raise RuntimeError("Caught an error in DataLoader worker 0") from error


def test_before_sigterm_nothing_is_raised_and_no_error_renamed(termination: Termination):
    termination.check()
    error = ValueError("of its own")
    assert termination.explain(error) is error


def test_sigterm_is_raised_once(termination: Termination):
    with pytest.raises(Preempted):
        sigterm()
    sigterm()


def test_a_swallowed_sigterm_is_raised_again_at_the_next_step(termination: Termination):
    swallow()
    with pytest.raises(Preempted):
        termination.check()


def test_an_error_that_a_library_made_of_it_ends_the_cell_as_preempted(termination: Termination):
    with pytest.raises(RuntimeError) as caught:
        wrap()
    assert exit_code_of(termination.explain(caught.value)).name == "preempted"
