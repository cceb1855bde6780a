"""A cell, its Job and its running pod, as a look at the cluster shows them."""

from datetime import UTC, datetime

from contract.survey import Failed
from launcher.jobs.job import Job
from launcher.jobs.pod import Pod
from tests.factories import failure, task

ASKED = task("s3://results")
NOW = datetime(2026, 11, 24, tzinfo=UTC)
JOB = Job(
    name="full-bert-l2-n800-s0",
    uid="1",
    run="full",
    cell=ASKED.cell.id,
    owner="somebody",
    fingerprint=ASKED.fingerprint(),
    results_uri="s3://results",
    image="trainer:v1",
    created=NOW,
    changed=NOW,
    attempts=1,
    suspended=False,
    terminating=False,
    end=None,
)
POD = Pod(
    name="full-bert-l2-n800-s0-abcde",
    uid="p1",
    job=JOB.name,
    created=NOW,
    changed=NOW,
    phase="Running",
    node="gpu-1",
    reason=None,
    unschedulable=None,
    waiting=None,
    exited=None,
    disruption=None,
    ready=True,
    terminating=False,
)


def own(*, exit_code: int, at: datetime) -> Failed:
    """What the trainer left in the store."""
    return Failed(failure(ASKED, exit_code=exit_code, finished_at=at))
