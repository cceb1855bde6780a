"""What became of pods, from what a look shows to what stays in the store."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from contract.keys import PODS
from contract.opening import open_store
from contract.store import Store
from contract.survey import Done, Failed, Lost, Missing, State, survey
from launcher.cells.pod_failures import Keeper, pod_failures
from launcher.cells.view import Row, join
from launcher.jobs.job import Complete, Job, JobFailed
from launcher.jobs.pod import Disruption, Exited, Pod
from tests.factories import failure, progress, publish
from tests.launcher.seen import ASKED, JOB, NOW, POD, own

EXCEEDED = replace(JOB, end=JobFailed("BackoffLimitExceeded", "too many"))
OUT_OF_MEMORY = Exited(137, "OOMKilled")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "results"))


def ended(name: str, exited: Exited | None, *, minutes: int = 0, **pod) -> Pod:
    made = NOW + timedelta(minutes=minutes)
    phase = "Succeeded" if exited and exited.code == 0 else "Failed"
    ready = {"phase": phase, "ready": False, "created": made, "changed": made + timedelta(seconds=9)}
    return replace(POD, uid=name, name=name, exited=exited, **(ready | pod))


def row(*pods: Pod, job: Job = JOB, stored: State | None = None) -> Row:
    (joined,) = join([ASKED], [stored or Missing()], [job], pods)
    return joined


def told(of: Row) -> dict[str, str]:
    """Uid -> cause, in a word."""
    return {each.uid: each.error for each in pod_failures(of)}


def test_every_pod_that_was_ended_from_outside_is_kept():
    pods = [
        ended("a", OUT_OF_MEMORY, minutes=1),
        ended("b", Exited(15, "Error"), minutes=2, disruption=Disruption("TerminationByKubelet", "low on memory")),
        ended("c", None, minutes=3, disruption=Disruption("DeletionByPodGC", "")),
        ended("d", Exited(143, "Error"), minutes=4, reason="DeadlineExceeded"),
        ended("e", Exited(137, "Error"), minutes=5),
    ]
    causes = {"a": "OOMKilled", "b": "evicted", "c": "node-lost", "d": "attempt-deadline", "e": "exit-code-137"}
    assert told(row(*pods, job=EXCEEDED)) == causes
    assert told(row(*pods, replace(POD, uid="running"))) == causes


def test_a_failure_says_where_and_when():
    (kept,) = pod_failures(row(ended("a", OUT_OF_MEMORY, minutes=1), job=EXCEEDED))
    assert (kept.cell, kept.fingerprint) == (ASKED.cell, ASKED.fingerprint())
    assert (kept.pod, kept.node, kept.exit_code, kept.retriable) == ("a", "gpu-1", 137, False)
    assert kept.ended_at == NOW + timedelta(minutes=1, seconds=9)


def test_what_a_trainer_told_itself_is_not_kept_again():
    last = ended("last", Exited(12, "Error"))
    assert told(row(last, job=EXCEEDED, stored=own(exit_code=12, at=NOW + timedelta(seconds=5)))) == {}
    assert told(row(last, job=EXCEEDED, stored=Lost(progress(ASKED)))) == {"last": "store-failed"}


def test_an_attempt_before_the_latest_told_it_itself_or_is_history():
    first = ended("first", Exited(12, "Error"), minutes=1)
    assert told(row(first, replace(POD, uid="running"))) == {}


def test_a_pod_that_somebody_deleted_did_not_fail():
    assert told(row(ended("a", Exited(143, "Error"), terminating=True))) == {}


def test_a_pod_on_a_lost_node_never_says_that_it_ended():
    held = replace(
        POD, uid="held", ready=False, terminating=True, disruption=Disruption("DeletionByTaintManager", "gone")
    )
    assert told(row(held)) == {"held": "node-lost"}


def test_complete_without_a_result_is_kept_and_with_one_is_not():
    done = ended("a", Exited(0, "Completed"))
    assert told(row(done, job=replace(JOB, end=Complete()))) == {"a": "no-result"}
    assert told(row(done, job=replace(JOB, end=Complete()), stored=Done())) == {}


@pytest.mark.parametrize("pods", [[], [ended("a", Exited(143, "Error"), terminating=True)]], ids=["none", "leaving"])
def test_a_deadline_of_the_job_is_its_own(pods: list[Pod]):
    late = replace(JOB, end=JobFailed("DeadlineExceeded", "too long"), changed=NOW + timedelta(hours=1))
    (kept,) = pod_failures(row(*pods, job=late))
    assert (kept.uid, kept.pod, kept.error, kept.ended_at) == (JOB.uid, None, "job-deadline", late.changed)


def test_a_failed_job_whose_pods_are_gone_tells_what_it_knows():
    assert told(row(job=EXCEEDED)) == {JOB.uid: "pods-gone"}
    assert told(row(job=EXCEEDED, stored=own(exit_code=12, at=NOW))) == {}


def test_nothing_is_known_without_a_job():
    (alone,) = join([ASKED], [Failed(failure(ASKED))])
    assert told(alone) == {}


def test_the_store_says_what_the_cluster_forgot(store: Store):
    publish(store, progress(ASKED, updated_at=NOW))
    Keeper(store).keep([row(ended("a", OUT_OF_MEMORY), job=EXCEEDED)])
    (found,) = survey([ASKED], store)
    assert isinstance(found, Failed)
    assert found.cause.startswith("OOMKilled")


def test_a_failure_is_written_once(store: Store):
    seen = row(ended("a", OUT_OF_MEMORY), job=EXCEEDED)
    Keeper(store).keep([seen])
    (key,) = store.list(PODS)
    store.put(key, b"as it was")
    keeper = Keeper(store)
    for _ in range(2):
        keeper.keep([seen])
    keeper.keep([row(ended("a", OUT_OF_MEMORY), ended("b", OUT_OF_MEMORY, minutes=1), job=EXCEEDED)])
    assert (len(list(store.list(PODS))), store.get(key)) == (2, b"as it was")


def test_a_store_that_takes_nothing_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / PODS.rstrip("/")).write_text("in the way")
    keeper = Keeper(open_store(str(tmp_path)))
    for _ in range(3):
        keeper.keep([row(ended("a", OUT_OF_MEMORY), job=EXCEEDED)])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: what became of pods is not kept: cannot write")
