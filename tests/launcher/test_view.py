"""Store and cluster together: one state for every combination, without a cluster."""

from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.survey import Done, Failed, Lost, Missing, Running, Stale
from launcher.cells.ends import Broken
from launcher.cells.view import Ending, Stuck, in_words, is_final, join
from launcher.jobs.job import Complete, Job, JobFailed, read_job
from launcher.jobs.pod import Disruption, Exited, Pod, Waiting, read_pod
from launcher.show.states import Word, status_of
from tests.factories import failure, pod_failure, progress
from tests.launcher.seen import ASKED, JOB, NOW, POD, own

STORED = [Done(), Running(progress(ASKED)), Lost(progress(ASKED)), Failed(failure(ASKED)), Stale({}), Missing()]
STORED.append(Failed(pod_failure(ASKED), progress(ASKED)))

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


def test_a_job_that_publishes_in_another_store_says_nothing_of_a_cell():
    """Such a Job, ended there, was once taken for the end of the cell here."""
    elsewhere = replace(JOB, results_uri="s3://elsewhere", end=JobFailed("BackoffLimitExceeded", ""))
    (row,) = join([ASKED], [Missing()], [elsewhere])
    assert (row.state, row.job) == (Missing(), None)


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


def test_a_complete_job_whose_program_lost_a_child_to_the_kernel_says_so():
    """A shell may survive its killed child and exit with 0."""
    survivor = replace(POD, phase="Succeeded", exited=Exited(0, "OOMKilled"))
    (row,) = join([ASKED], [Missing()], [replace(JOB, end=Complete())], [survivor])
    assert isinstance(row.state, Broken)
    assert (row.state.error, row.state.retriable) == ("OOMKilled", False)


def broken(stored, *, exited: Exited | None, **pod) -> Broken:
    """The state of a cell whose Job failed with this pod."""
    ended = replace(POD, phase="Failed", ready=False, exited=exited, **pod)
    (row,) = join([ASKED], [stored], [replace(JOB, end=JobFailed("BackoffLimitExceeded", "too many"))], [ended])
    assert isinstance(row.state, Broken)
    return row.state


LATER, EARLIER = NOW + timedelta(seconds=9), NOW - timedelta(seconds=9)


@pytest.mark.parametrize(
    ("stored", "error"),
    [
        (own(exit_code=12, at=LATER), "non-finite-loss"),
        (own(exit_code=12, at=EARLIER), "store-failed"),
        (own(exit_code=10, at=LATER), "store-failed"),
        (Failed(pod_failure(ASKED, ended_at=LATER)), "store-failed"),
        (Lost(None), "store-failed"),
    ],
    ids=["its own", "of an earlier attempt", "of another code", "of a pod", "none"],
)
def test_a_trainer_s_own_failure_tells_more_than_its_exit_code(stored, error: str):
    assert broken(stored, exited=Exited(12, "Error")).error == error


def test_who_ended_the_pod_from_outside_tells_more_than_its_trainer():
    preempted = own(exit_code=15, at=LATER)
    assert broken(preempted, exited=Exited(15, "Error")).error == "non-finite-loss"
    assert broken(preempted, exited=Exited(15, "Error"), reason="DeadlineExceeded").error == "attempt-deadline"
    assert broken(preempted, exited=Exited(15, "OOMKilled")).error == "OOMKilled"
    drained = Disruption("EvictionByEvictionAPI", "drained")
    assert broken(preempted, exited=Exited(15, "Error"), disruption=drained).cause == "evicted: drained"


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (137, "exit-code-137: killed by SIGKILL"),
        (139, "exit-code-139: killed by SIGSEGV"),
        (64, "exit-code-64: not one of the trainer's own"),
        (255, "exit-code-255: not one of the trainer's own"),
        (0, "no-result: complete, but no result: it exited with 0 and published nothing"),
    ],
)
def test_codes_that_no_trainer_means(code: int, cause: str):
    assert broken(Missing(), exited=Exited(code, "Error")).cause == cause


def test_a_failed_job_without_pods_goes_by_the_store():
    job = replace(JOB, end=JobFailed("BackoffLimitExceeded", "too many"))
    for stored, error in (
        (own(exit_code=12, at=LATER), "non-finite-loss"),
        (Failed(pod_failure(ASKED, ended_at=LATER)), "OOMKilled"),
        (own(exit_code=12, at=EARLIER), "pods-gone"),
        (Missing(), "pods-gone"),
    ):
        (row,) = join([ASKED], [stored], [job], [])
        assert isinstance(row.state, Broken)
        assert row.state.error == error


TAINTED = Disruption("DeletionByTaintManager", "")


def test_a_dead_node_holds_its_cell():
    silent = replace(POD, ready=False)
    deleted = replace(POD, ready=False, terminating=True, disruption=TAINTED)
    for pod, words in ((silent, "does not answer"), (deleted, "until the Node object is deleted")):
        (row,) = join([ASKED], [Lost(progress(ASKED))], [JOB], [pod])
        assert isinstance(row.state, Stuck)
        assert words in row.state.why


def test_a_living_node_that_is_being_emptied_holds_nothing():
    leaving = replace(POD, terminating=True, disruption=TAINTED)
    (row,) = join([ASKED], [Running(progress(ASKED))], [JOB], [leaving])
    assert isinstance(row.state, Running)
    assert broken(Missing(), exited=Exited(15, "Error"), disruption=TAINTED).error == "evicted"


def test_a_deleted_job_is_ending():
    (row,) = join([ASKED], [Missing()], [replace(JOB, terminating=True)], [POD])
    assert row.state == Ending()


def test_the_scheduler_in_words():
    told = "0/4 nodes are available: 4 Insufficient nvidia.com/gpu. preemption: 0/4 nodes are available: none."
    assert in_words(told) == (
        "every GPU is in use or there is none (0/4 nodes are available: 4 Insufficient nvidia.com/gpu)"
    )
    assert in_words(told.replace("preemption:", "no new claims to deallocate, preemption:")) == in_words(told)
    assert in_words("something new") == "something new"


def test_a_node_with_the_labels_that_lacks_room_is_not_said_to_lack_the_labels():
    told = "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector"
    assert in_words(f"{told}. preemption: none.") == told
    assert in_words(told.replace("1 Insufficient cpu, ", "")).startswith("no node has the labels")


def test_objects_of_somebody_else_are_read_too():
    """With as little as the API server lets through."""
    metadata = {"name": "x", "uid": "1", "creationTimestamp": "2026-11-24T00:00:00Z"}
    pod = {"containers": [{"name": "main", "image": "x"}]}
    job = read_job({"metadata": metadata, "spec": {"template": {"spec": pod}}})
    assert (job.owner, job.fingerprint, job.results_uri, job.end) == ("", "", "", None)
    assert read_pod({"metadata": metadata, "spec": pod}).phase == "Pending"
