"""What becomes of a Job that is to be made. Pure."""

from dataclasses import dataclass

from launcher.jobs.content import Content
from launcher.jobs.job import Job, differences, image_of


@dataclass(frozen=True)
class Created:
    """The Job is new."""


@dataclass(frozen=True)
class Exists:
    """The Job is there already, for the same work; its image need not be the one that was asked for."""

    job: Job
    wanted_image: str


@dataclass(frozen=True)
class Conflict:
    """Another Job has the name; `differences` names both sides of what differs."""

    job: Job
    differences: list[str]


@dataclass(frozen=True)
class Terminating:
    """A Job of that name was deleted and is not gone yet."""

    job: Job


Creation = Created | Exists | Conflict | Terminating


def judge(wanted: Content, found: Job) -> Exists | Conflict | Terminating:
    """What a Job that has the name of `wanted` means for it."""
    if found.terminating:
        return Terminating(found)
    unlike = differences(wanted, found)
    return Conflict(found, unlike) if unlike else Exists(found, image_of(wanted))
