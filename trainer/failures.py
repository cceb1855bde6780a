"""Ends of a cell that have a name of their own, and the one place that names a foreign error."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from contract.exits import (
    DEVICE_FAILED,
    DISK_FAILED,
    NON_FINITE_LOSS,
    OUT_OF_MEMORY,
    PREEMPTED,
    UNEXPECTED,
    ExitCode,
    ProgramError,
    SourceUnavailable,
)

_MEMORY = re.compile(r"can't allocate memory|out of memory|CUBLAS_STATUS_ALLOC_FAILED", re.IGNORECASE)
_DISK = re.compile(
    "No space left on device|Disk quota exceeded|File too large|No usable temporary directory"
    "|inline_container.*unexpected pos|iostream error"  # torch.save's, of any write that failed
)


class NonFiniteLoss(ProgramError):
    """The loss became NaN or infinite: the weights are lost and no figure of the cell means anything."""

    exit_code = NON_FINITE_LOSS


class GpuUnusable(ProgramError):
    """There is a GPU or its driver, but torch cannot use it; on another node the cell may run."""

    exit_code = DEVICE_FAILED


class Preempted(ProgramError):
    """SIGTERM arrived before the result was published."""

    exit_code = PREEMPTED


class LocalDiskFailed(ProgramError):
    """The machine's own disk, through which weights and checkpoints pass, was full or refused a write."""

    exit_code = DISK_FAILED


def named(error: BaseException) -> BaseException:
    """`error`, or LocalDiskFailed where that is its cause: libraries have words of their own, or blame the hub."""
    if isinstance(error, ProgramError) and not isinstance(error, SourceUnavailable):
        return error
    told = next((str(cause) for cause in causes(error) if _DISK.search(str(cause))), None)
    if told is None:
        return error
    failed = LocalDiskFailed(
        f"cannot write to the local disk: {' '.join(told.split())}; free some space, or name a larger one by TMPDIR "
        "(HF_HOME for what comes from the hub, XDG_CACHE_HOME for what was prefetched), then run it again"
    )
    failed.__cause__ = error
    return failed


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, the one that led to it, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def exit_code_of(error: BaseException) -> ExitCode:
    """The exit code under which `error` ends the cell.

    Device faults are recognised by torch's class or words: the NVIDIA device plugin ignores most Xid errors, so the
    pod's exit code is all that anybody sees.
    """
    kinds = {kind.__name__ for kind in type(error).__mro__}
    text = str(error)
    if isinstance(error, ProgramError):
        return error.exit_code
    if isinstance(error, MemoryError) or "OutOfMemoryError" in kinds or _MEMORY.search(text):
        return OUT_OF_MEMORY
    if "AcceleratorError" in kinds or "CUDA error" in text or "CUBLAS_STATUS" in text:
        return DEVICE_FAILED
    return UNEXPECTED


class Termination:
    """SIGTERM, raised once as Preempted wherever the main thread is, and remembered.

    A library may swallow that exception or wrap it in one of its own. So the training asks again at each step, and
    whatever error ends a cell after SIGTERM counts as its consequence.
    """

    def __init__(self, grace_seconds: float) -> None:
        self.arrived = False
        self.saved_step: int | None = None
        """The step at which another attempt can go on."""
        self._deferring = False
        self._raised = False
        self._grace_seconds = grace_seconds
        self._grace_is_over = False

    def watch(self) -> None:
        """From now on SIGTERM ends the cell under a name of its own, and SIGALRM is its clock."""
        signal.signal(signal.SIGTERM, self._arrive)
        signal.signal(signal.SIGALRM, self._end_grace)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Inside, SIGTERM is raised by `check`, or wherever the main thread is when the grace period is over."""
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False
            if self.arrived:
                signal.setitimer(signal.ITIMER_REAL, 0)

    def check(self) -> None:
        """Raises Preempted once SIGTERM has arrived."""
        if self.arrived:
            raise self._preempted()

    def explain(self, error: BaseException) -> BaseException:
        """The error that ends the cell when `error` reached its top."""
        if not self.arrived or isinstance(error, Preempted):
            return error
        preempted = self._preempted()
        preempted.__cause__ = error
        return preempted

    def _arrive(self, _signal: int, _frame: FrameType | None) -> None:
        first, self.arrived = not self.arrived, True
        if not self._deferring or self._grace_is_over:
            self._raise_once()
        elif first:
            signal.setitimer(signal.ITIMER_REAL, self._grace_seconds)

    def _end_grace(self, _signal: int, _frame: FrameType | None) -> None:
        # Linux gives it to the main thread, and so interrupts what that one waits for.
        self._grace_is_over = True
        self._raise_once()

    def _raise_once(self) -> None:
        if not self._raised:
            self._raised = True
            raise self._preempted()

    def _preempted(self) -> Preempted:
        saved = (
            "this attempt saved nothing" if self.saved_step is None else f"checkpoint at step {self.saved_step} saved"
        )
        return Preempted(
            f"stopped by SIGTERM: an interrupted submit, or the machine is needed elsewhere; {saved}; run it again"
        )
