"""Exit codes and the errors that end a program with one of them.

A cell's exit code is all that a scheduler sees of it, so each code says whether another attempt of the same
cell could end differently. Numbers stay below 64 and away from 126-165, which shells and kernels use.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class ExitCode:
    """One way for a program to end; `retriable` says whether the same command may succeed when repeated."""

    number: int
    name: str
    meaning: str
    retriable: bool


OK = ExitCode(0, "ok", "done; for a cell: its result is published", retriable=False)
UNEXPECTED = ExitCode(1, "unexpected-error", "a fault without a name; the log has its traceback", retriable=True)
BAD_INPUT = ExitCode(2, "bad-input", "a setting, the corpus or the weights are wrong", retriable=False)
INCOMPLETE = ExitCode(3, "incomplete", "the command worked; cells are missing or failed", retriable=True)
NON_FINITE_LOSS = ExitCode(10, "non-finite-loss", "the loss became NaN or infinite", retriable=False)
OUT_OF_MEMORY = ExitCode(11, "out-of-memory", "the device ran out of memory", retriable=False)
STORE_FAILED = ExitCode(12, "store-failed", "the results store refused a write or was full", retriable=True)
SOURCE_UNAVAILABLE = ExitCode(13, "source-unavailable", "weights or corpus were not delivered", retriable=True)
DEVICE_FAILED = ExitCode(14, "device-failed", "the GPU reported an error of its own", retriable=True)
PREEMPTED = ExitCode(15, "preempted", "SIGTERM ended the cell before its result", retriable=True)
DISK_FAILED = ExitCode(16, "disk-failed", "the machine's own disk was full or refused a write", retriable=True)

EXIT_CODES: dict[int, ExitCode] = {
    code.number: code
    for code in (
        OK,
        UNEXPECTED,
        BAD_INPUT,
        INCOMPLETE,
        NON_FINITE_LOSS,
        OUT_OF_MEMORY,
        STORE_FAILED,
        SOURCE_UNAVAILABLE,
        DEVICE_FAILED,
        PREEMPTED,
        DISK_FAILED,
    )
}


class ProgramError(Exception):
    """An end that was foreseen: shown to the user as one line, without a traceback, under its exit code."""

    exit_code: ClassVar[ExitCode] = UNEXPECTED


class BadInput(ProgramError):
    """The user's mistake. The message names the value, what was wrong with it and the way out."""

    exit_code = BAD_INPUT


class StoreFailed(ProgramError):
    """The results store could not be written or read; the data that was there before is untouched."""

    exit_code = STORE_FAILED


class SourceUnavailable(ProgramError):
    """Weights or corpus were not delivered, by the hub or by a bucket; nothing is wrong with the request."""

    exit_code = SOURCE_UNAVAILABLE
