"""An outcome in words: its status, the reason behind it, and where its log is."""

from typing import Literal

from aggregator.reading.collect import Outcome
from aggregator.reading.results import Damaged
from contract.keys import LOG, PROGRESS, attempt_key
from contract.result import Failure, Progress, Success
from contract.survey import Failed, Lost, Missing, Running, Stale

Status = Literal["done", "running", "failed", "lost", "stale", "unreadable", "missing"]

MEANINGS: dict[Status, str] = {
    "done": "its result is published",
    "running": "reported a moment ago",
    "failed": "ended with an error",
    "lost": "stopped reporting",
    "stale": "has a result of other settings",
    "unreadable": "its result was refused",
    "missing": "never started",
}
"""Every status, in the order that reports list them."""


def status_of(outcome: Outcome) -> Status:
    """The outcome in one word."""
    match outcome:
        case Success():
            return "done"
        case Running():
            return "running"
        case Failed():
            return "failed"
        case Lost():
            return "lost"
        case Stale():
            return "stale"
        case Damaged():
            return "unreadable"
        case Missing():
            return "missing"


def error_of(outcome: Outcome) -> str | None:
    """Why a failed cell failed, in one word."""
    return outcome.failure.error if isinstance(outcome, Failed) else None


def detail_of(outcome: Outcome) -> str:
    """Why the cell is not done; empty when it is, or when nothing is known about it."""
    match outcome:
        case Running(progress):
            return f"{progress.phase}, step {progress.step} of {progress.planned_steps}"
        case Failed(Failure() as failure):
            return f"{failure.error} (exit {failure.exit_code}) at step {failure.last_step}: {failure.message}"
        case Failed():
            return outcome.cause
        case Lost():
            return outcome.last_sign
        case Stale():
            return outcome.differences
        case Damaged(key, reason):
            return f"{key}: {reason}"
        case Success() | Missing():
            return ""


def attempt_of(outcome: Outcome) -> str | None:
    """The attempt that the outcome comes from, where that is known."""
    match outcome:
        case Success(provenance=by):
            return by.attempt
        case Failed(Failure(provenance=by)):
            return by.attempt
        case Running(Progress() as last) | Lost(Progress() as last) | Failed(_, Progress() as last):
            return last.attempt
        case _:
            return None


def log_key_of(outcome: Outcome) -> str | None:
    """The store key of the attempt's log, or of its progress with the log's tail when it never ended."""
    match outcome:
        case Success(artifacts=artifacts):
            return artifacts[LOG].key if LOG in artifacts else None
        case Failed(Failure() as failure):
            return attempt_key(failure.cell.id, failure.fingerprint, failure.provenance.attempt, LOG)
        case Running(Progress() as last) | Lost(Progress() as last) | Failed(_, Progress() as last):
            return attempt_key(last.cell.id, last.fingerprint, last.attempt, PROGRESS)
        case _:
            return None


def last_lines_of(outcome: Outcome) -> tuple[str, ...]:
    """What the attempt said last; empty when that is not known, or the cell is done."""
    match outcome:
        case Failed(Failure(traceback_tail=lines)) | Running(Progress(log_tail=lines)) | Lost(Progress(log_tail=lines)):
            return tuple(lines)
        case Failed(_, Progress(log_tail=lines)):
            return tuple(lines)
        case _:
            return ()
