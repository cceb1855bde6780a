"""Where a result comes from: versions, code, threads, times. Needs no heavy import."""

import os
import secrets
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import psutil

from contract.code_version import code_version
from contract.environment import IMAGE
from contract.processors import processors
from contract.result import Provenance
from contract.task import Task

_PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "bitsandbytes",
    "accelerate",
    "tokenizers",
    "datasets",
    "evaluate",
    "scikit-learn",
    "numpy",
)


def new_attempt() -> str:
    """A name for this attempt; names sort by the time they were made."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def process_started_at() -> datetime:
    """When the operating system started this process."""
    return datetime.fromtimestamp(psutil.Process().create_time(), UTC)


def threads_for(task: Task) -> int:
    """`TRAIN_THREADS`, else every processor that this process may use."""
    return task.train.threads or processors()


def provenance(task: Task, attempt: str, device: str | None, four_bit_copy: str | None = None) -> Provenance:
    """The record of this process, finished now."""
    return Provenance(
        attempt=attempt,
        code_version=code_version(),
        versions=library_versions(),
        device=device,
        threads=threads_for(task),
        image=os.environ.get(IMAGE),
        four_bit_copy=four_bit_copy,
        started_at=process_started_at(),
        finished_at=datetime.now(UTC),
    )


def library_versions() -> dict[str, str]:
    """Of every library that has a part in a result."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
