"""Store and cluster together: one state for every combination, without a cluster."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.survey import Done, Failed, Lost, Missing, Running, Stale
from launcher.objects import Complete, Disruption, Exited, Job, JobFailed, Pod, Waiting, read_job, read_pod
from launcher.show import Word, status_of
from launcher.view import Broken, Ending, Stuck, in_words, is_final, join
from tests.factories import failure, progress, task

ASKED = task()
NOW = datetime(2026, 11, 24, tzinfo=UTC)
JOB = Job(
    name="full-bert-l2-n800-s0",
    uid="1",
    run="full",
    cell=ASKED.cell.id,
    owner="somebody",
    fingerprint=ASKED.fingerprint(),
    results_uri="s3://results",
    created=NOW,
    attempts=1,
    suspended=False,
    terminating=False,
    end=None,
)
POD = Pod(
    name="full-bert-l2-n800-s0-abcde",
    job=JOB.name,
    created=NOW,
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
STORED = [Done(), Running(progress(ASKED)), Lost(progress(ASKED)), Failed(failure(ASKED)), Stale({}), Missing()]

texts = st.sampled_from(["", "DeadlineExceeded", "Evicted", "ImagePullBackOff", "ContainerCreating", "OOMKilled"])
reasons = st.sampled_from(
    ["DeletionByTaintManager", "DeletionByPodGC", "EvictionByEvictionAPI", "PreemptionByScheduler"]
)
jobs = st.builds(
    replace,
    st.just(JOB),
    suspended=st.booleans(),
    terminating=st.booleans(),
    end=st.one_of(st.none(), st.just(Complete()), st.builds(JobFailed, texts, texts)),
)
pods = st.builds(
    replace,
    st.just(POD),
    created=st.integers(0, 9).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    phase=st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown"]),
    node=st.sampled_from([None, "gpu-1"]),
    reason=st.one_of(st.none(), texts),
    unschedulable=st.one_of(st.none(), texts),
    waiting=st.one_of(st.none(), st.builds(Waiting, texts, texts)),
    exited=st.one_of(st.none(), st.builds(Exited, st.integers(0, 255), texts)),
    disruption=st.one_of(st.none(), st.builds(Disruption, reasons, texts)),
    ready=st.booleans(),
    terminating=st.booleans(),
)


@given(st.sampled_from(STORED), st.one_of(st.none(), jobs), st.lists(pods, max_size=3))
def test_every_combination_has_one_state(stored, job: Job | None, of_job: list[Pod]):
    (row,) = join([ASKED], [stored], [job] if job else [], of_job)
    assert status_of(row.state).state in get_args(Word)
    assert (row.state == Done()) == (stored == Done())
    if job is None:
        assert row.state == stored
    elif stored != Done():
        assert is_final(row.state) == (job.end is not None and not job.terminating)


@pytest.mark.parametrize("job", [replace(JOB, cell="another"), replace(JOB, fingerprint="0" * 16)])
def test_a_job_of_other_settings_says_nothing_of_the_cell(job: Job):
    (row,) = join([ASKED], [Missing()], [job], [POD])
    assert (row.state, row.job, row.pod) == (Missing(), None, None)


def test_the_running_attempt_speaks_before_a_later_one_that_ended():
    ended = replace(POD, name="ended", phase="Failed", created=NOW + timedelta(minutes=1))
    (row,) = join([ASKED], [Missing()], [JOB], [ended, POD])
    assert row.pod == POD


def test_a_complete_job_without_a_result_is_failed():
    (row,) = join([ASKED], [Running(progress(ASKED))], [replace(JOB, end=Complete())], [])
    assert isinstance(row.state, Broken)
    assert "complete, but no result" in row.state.cause


def test_an_old_failure_in_the_store_is_not_taken_for_this_pod_s():
    killed = replace(POD, phase="Failed", exited=Exited(137, "Error"))
    job = replace(JOB, end=JobFailed("BackoffLimitExceeded", ""))
    (row,) = join([ASKED], [Failed(failure(ASKED))], [job], [killed])
    assert row.state == Broken("exit code 137, killed by SIGKILL", retriable=True)


def test_a_dead_node_holds_its_cell():
    silent = replace(POD, ready=False)
    deleted = replace(POD, terminating=True, disruption=Disruption("DeletionByTaintManager", ""))
    for pod, words in ((silent, "does not answer"), (deleted, "until the Node object is deleted")):
        (row,) = join([ASKED], [Lost(progress(ASKED))], [JOB], [pod])
        assert isinstance(row.state, Stuck)
        assert words in row.state.why


def test_a_deleted_job_is_ending():
    (row,) = join([ASKED], [Missing()], [replace(JOB, terminating=True)], [POD])
    assert row.state == Ending()


def test_the_scheduler_in_words():
    told = "0/4 nodes are available: 4 Insufficient nvidia.com/gpu. preemption: 0/4 nodes are available: none."
    assert in_words(told) == (
        "every GPU is in use or there is none (0/4 nodes are available: 4 Insufficient nvidia.com/gpu)"
    )
    assert in_words("something new") == "something new"


def test_objects_of_somebody_else_are_read_too():
    """With as little as the API server lets through."""
    metadata = {"name": "x", "uid": "1", "creationTimestamp": "2026-11-24T00:00:00Z"}
    pod = {"containers": [{"name": "main", "image": "x"}]}
    job = read_job({"metadata": metadata, "spec": {"template": {"spec": pod}}})
    assert (job.owner, job.fingerprint, job.results_uri, job.end) == ("", "", "", None)
    assert read_pod({"metadata": metadata, "spec": pod}).phase == "Pending"
