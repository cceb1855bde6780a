"""An outcome in words: its status, the reason behind it, and where its log is."""

from typing import Literal

from aggregator.collect import Damaged, Outcome
from contract.result import Progress, Success
from contract.store import LOG, PROGRESS, attempt_key
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


def detail_of(outcome: Outcome) -> str:
    """Why the cell is not done; empty when it is, or when nothing is known about it."""
    match outcome:
        case Running(progress):
            return f"{progress.phase}, step {progress.step} of {progress.planned_steps}"
        case Failed(failure):
            return f"{failure.error} (exit {failure.exit_code}) at step {failure.last_step}: {failure.message}"
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
        case Failed(failure):
            return failure.provenance.attempt
        case Running(Progress(attempt=attempt)) | Lost(Progress(attempt=attempt)):
            return attempt
        case _:
            return None


def log_key_of(outcome: Outcome) -> str | None:
    """The store key of the attempt's log, or of its progress with the log's tail when it never ended."""
    match outcome:
        case Success(artifacts=artifacts):
            return artifacts[LOG].key if LOG in artifacts else None
        case Failed(failure):
            return attempt_key(failure.cell.id, failure.fingerprint, failure.provenance.attempt, LOG)
        case Running(Progress() as last) | Lost(Progress() as last):
            return attempt_key(last.cell.id, last.fingerprint, last.attempt, PROGRESS)
        case _:
            return None
