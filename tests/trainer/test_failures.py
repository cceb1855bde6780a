"""Ends of a cell by name; SIGTERM ends it as preempted, whatever the libraries in between make of it."""

import errno
import os
import signal
import time
from collections.abc import Iterator

import pytest

from contract.exits import BadInput, SourceUnavailable, StoreFailed
from trainer.failures import Preempted, Termination, exit_code_of, named


@pytest.fixture
def termination() -> Iterator[Termination]:
    before = signal.getsignal(signal.SIGTERM)
    watching = Termination(grace_seconds=60)
    watching.watch()
    yield watching
    signal.signal(signal.SIGTERM, before)


def hub_refusal(cause: OSError) -> SourceUnavailable:
    refusal = SourceUnavailable(f"the hub did not deliver bert-base-uncased: {cause}")
    refusal.__cause__ = cause
    return refusal


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/trainer-x")
QUOTA = OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "/tmp/trainer-x")


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


class AcceleratorError(RuntimeError):
    """Called as torch calls its own, which is known by its name."""


class OutOfMemoryError(RuntimeError):
    """Likewise."""


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (MemoryError(), "out-of-memory"),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "out-of-memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "out-of-memory"),
        (AcceleratorError("CUDA error: out of memory"), "out-of-memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), "out-of-memory"),
        (AcceleratorError("CUDA error: an illegal memory access was encountered"), "device-failed"),
        (RuntimeError("CUDA error: unspecified launch failure"), "device-failed"),
        (RuntimeError("CUBLAS_STATUS_EXECUTION_FAILED when calling cublasGemmEx"), "device-failed"),
        (SourceUnavailable("the hub did not deliver"), "source-unavailable"),
        (StoreFailed("cannot write"), "store-failed"),
        (BadInput("unknown model"), "bad-input"),
        (FULL, "disk-failed"),
        (QUOTA, "disk-failed"),
        (Exception("Error while serializing: I/O error: No space left on device (os error 28)"), "disk-failed"),
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"), "disk-failed"),
        (hub_refusal(FULL), "disk-failed"),
        (hub_refusal(OSError("read timed out")), "source-unavailable"),
        (StoreFailed("cannot write /results/a.json: No space left on device"), "store-failed"),
        (OSError(errno.EACCES, os.strerror(errno.EACCES), "/tmp/trainer-x"), "unexpected-error"),
        (KeyError("labels"), "unexpected-error"),
        (KeyboardInterrupt(), "unexpected-error"),
    ],
)
def test_each_end_has_its_exit_code(error: BaseException, name: str):
    assert exit_code_of(named(error)).name == name


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


def test_inside_deferred_sigterm_waits_until_it_is_asked_for(termination: Termination):
    with termination.deferred():
        sigterm()
        assert termination.arrived
        with pytest.raises(Preempted):
            termination.check()


def test_work_that_ends_within_the_grace_period_is_not_disturbed(termination: Termination):
    with termination.deferred():
        sigterm()
        sigterm()
    assert termination.arrived


@pytest.mark.usefixtures("termination")
def test_the_grace_period_ends_wherever_the_main_thread_is():
    termination = Termination(grace_seconds=0.1)
    termination.watch()
    begun = time.monotonic()
    with termination.deferred():
        sigterm()
        with pytest.raises(Preempted):
            time.sleep(30)
    assert time.monotonic() - begun < 20
