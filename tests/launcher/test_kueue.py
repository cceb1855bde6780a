"""What Kueue's objects mean for a cell, without a cluster. That they look so, test_cluster_queue.py shows."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.survey import Done, Missing
from launcher.cells.ends import TOO_LONG, Broken
from launcher.cells.view import Stuck, Suspended, join
from launcher.command_line.job_options import JobOptions, ModelOptions
from launcher.costs.places import on_cluster, within_quota
from launcher.jobs.job import Complete, Deactivated, InQueue
from launcher.jobs.kueue import ClusterQueue, LocalQueue, Workload, read_cluster_queue, read_workload, with_waits
from launcher.jobs.manifest import load_template
from launcher.preflight.checks import Verdict
from launcher.preflight.queue_checks import local_queue_check, quota_check
from launcher.servers.unseen import Unseen
from tests.launcher.seen import ASKED, JOB, NOW

OPTIONS = JobOptions(image="trainer:dev", owner="somebody", per_model={"gemma3": ModelOptions(memory="64Gi")})
QUEUED = replace(JOB, suspended=True, queue="cells")
WORKLOAD = Workload("w1", QUEUED.uid, "cells", 0, NOW, reserved=False, why="", admissible=True, deactivated=None)


def told(*conditions: tuple[str, str, str, str], active: bool = True) -> Workload:
    """By conditions of (type, status, reason, message)."""
    names = ("type", "status", "reason", "message")
    return read_workload(
        {
            "metadata": {
                "uid": "w1",
                "creationTimestamp": "2026-11-24T00:00:00Z",
                "ownerReferences": [{"kind": "Job", "uid": QUEUED.uid}],
            },
            "spec": {"queueName": "cells", "active": active},
            "status": {"conditions": [dict(zip(names, each, strict=True)) for each in conditions]},
        }
    )


def state_of(*workloads: Workload, stored: Any = None) -> Any:
    (row,) = join([ASKED], [stored or Missing()], with_waits([QUEUED], workloads))
    return row.state


@pytest.mark.parametrize(
    ("workload", "state"),
    [
        (told(), InQueue("cells", "waits its turn", 1)),
        (told(("QuotaReserved", "False", "Pending", "1 more needed")), InQueue("cells", "1 more needed", 1)),
        (told(("QuotaReserved", "True", "QuotaReserved", "")), InQueue("cells", "admitted, about to start", None)),
        (
            told(("QuotaReserved", "True", "", ""), ("Admitted", "False", "", "check budget")),
            InQueue("cells", "check budget", None),
        ),
        # Kueue leaves the condition behind when a preempted workload is admitted again.
        (told(("Evicted", "False", "QuotaReserved", "Previously: preempted")), InQueue("cells", "waits its turn", 1)),
        (
            told(("QuotaReserved", "False", "Inadmissible", "ClusterQueue all is inactive")),
            Stuck("queue cells does not let it in: ClusterQueue all is inactive"),
        ),
        (
            told(("Evicted", "True", "Deactivated", "The workload is deactivated"), active=False),
            Broken("deactivated", "The workload is deactivated", retriable=True),
        ),
        (
            told(("Evicted", "True", "DeactivatedDueToMaximumExecutionTimeExceeded", "too long"), active=False),
            TOO_LONG,
        ),
        (told(active=False), Broken("deactivated", "The workload is deactivated", retriable=True)),
    ],
)
def test_a_workload_says_where_its_cell_is(workload: Workload, state: Any) -> None:
    assert state_of(workload) == state
    assert state_of(workload, stored=Done()) == Done()


def test_what_is_no_job_stands_in_the_same_line() -> None:
    others = [replace(WORKLOAD, uid=f"a{n}", owner="") for n in range(5)]
    assert state_of(*others, WORKLOAD).place == 6


def test_a_job_that_kueue_has_not_taken_up_is_in_the_queue_without_a_place() -> None:
    state = state_of(replace(WORKLOAD, owner="another"))
    assert (state.queue, state.place) == ("cells", None)
    assert "has not taken it up" in state.why


def test_workloads_that_may_not_be_seen_are_no_proof_of_anything() -> None:
    (job,) = with_waits([QUEUED], None)
    assert job.end is None
    assert job.waits is not None
    assert "no right" in job.waits.why


@pytest.mark.parametrize("job", [replace(QUEUED, queue=None), replace(QUEUED, suspended=False), JOB])
def test_a_job_that_no_queue_holds_back_stays_what_it_is(job: Any) -> None:
    assert with_waits([job], [replace(WORKLOAD, deactivated=Deactivated("", ""))]) == [job]


def test_a_job_that_ended_is_not_let_go_afterwards() -> None:
    (job,) = with_waits([replace(QUEUED, end=Complete())], [told(active=False)])
    assert job.end == Complete()


def test_a_job_that_somebody_suspended_is_suspended() -> None:
    (row,) = join([ASKED], [Missing()], [replace(JOB, suspended=True)])
    assert row.state == Suspended()


workloads = st.builds(
    replace,
    st.just(WORKLOAD),
    queue=st.sampled_from(["cells", "others"]),
    priority=st.integers(-2, 2),
    since=st.integers(0, 3).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    reserved=st.booleans(),
    admissible=st.booleans(),
)


@given(st.lists(workloads, max_size=12))
def test_places_are_kueue_s_order_and_each_is_taken_once(drawn: list[Workload]) -> None:
    line = [replace(each, uid=f"w{n:02}", owner=f"j{n:02}") for n, each in enumerate(drawn)]
    jobs = [replace(QUEUED, uid=each.owner, queue=each.queue) for each in line]
    waits = [job.waits for job in with_waits(jobs, line) if job.waits]
    for queue in ("cells", "others"):
        places = {
            wait.place: each for wait, each in zip(waits, line, strict=True) if each.queue == queue and wait.place
        }
        placed = [places[place] for place in range(1, len(places) + 1)]
        assert len(placed) == sum(each.in_line for each in line if each.queue == queue)
        for first, second in pairwise(placed):
            assert (-first.priority, first.since, first.uid) < (-second.priority, second.since, second.uid)


def test_a_cell_that_was_too_slow_to_start_is_behind_those_that_came_before_that() -> None:
    metadata = {"uid": "w0", "creationTimestamp": "2026-11-24T00:00:00Z"}
    evicted = {"type": "Evicted", "status": "True", "lastTransitionTime": "2026-11-24T00:30:00Z"}
    times = {
        reason: read_workload(
            {"metadata": metadata, "spec": {}, "status": {"conditions": [evicted | {"reason": reason}]}}
        ).since.minute
        for reason in ("PodsReadyTimeout", "Preempted")
    }
    assert times == {"PodsReadyTimeout": 30, "Preempted": 0}


def cluster_queue(cohort: str | None = None, **flavors: Mapping[str, str]) -> ClusterQueue:
    """Of one group."""
    quotas = [
        {"name": name, "resources": [{"name": each, "nominalQuota": quota} for each, quota in of.items()]}
        for name, of in flavors.items()
    ]
    spec = {"resourceGroups": [{"flavors": quotas}]} | ({"cohortName": cohort} if cohort else {})
    return read_cluster_queue({"metadata": {"name": "all"}, "spec": spec})


ROOM = {"nvidia.com/gpu": "1", "cpu": "4", "memory": "16Gi", "ephemeral-storage": "20Gi"}


@pytest.mark.parametrize(
    ("queue", "verdict", "words"),
    [
        (cluster_queue(a100=ROOM), Verdict.OK, "a cell fits into ClusterQueue all"),
        (cluster_queue(a100=ROOM | {"cpu": "2"}, h100=ROOM), Verdict.OK, "fits"),
        (cluster_queue(a100=ROOM | {"pods": "0"}), Verdict.FAIL, "pods 0 in flavor a100, less than 1"),
        (
            cluster_queue(a100=ROOM | {"cpu": "2"}, h100=ROOM | {"memory": "8Gi"}),
            Verdict.FAIL,
            "(cpu 2 in flavor a100, less than 4, memory 8Gi in flavor h100, less than 16Gi)",
        ),
        (cluster_queue(cohort="team", a100=ROOM | {"cpu": "2"}), Verdict.UNKNOWN, "only with what its cohort lends"),
        (cluster_queue(a100={"nvidia.com/gpu": "8"}), Verdict.UNKNOWN, "none of cpu, ephemeral-storage, memory"),
        (Unseen.HIDDEN, Verdict.UNKNOWN, "no right to look at ClusterQueue all"),
        (Unseen.ABSENT, Verdict.FAIL, "ClusterQueue all is not there"),
    ],
)
def test_whether_a_cell_can_ever_fit(queue: ClusterQueue | Unseen, verdict: Verdict, words: str) -> None:
    check = quota_check(LocalQueue("cells", "all", None), queue, load_template(), OPTIONS, None)
    assert check.verdict is verdict
    assert words in check.detail


@pytest.mark.parametrize(
    ("queue", "nodes", "count"),
    [
        (cluster_queue(a100=ROOM), 6, 1),
        (cluster_queue(a100=ROOM, h100=ROOM | {"nvidia.com/gpu": "2"}), 6, 3),
        (cluster_queue(a100=ROOM | {"nvidia.com/gpu": "8"}), 6, 6),
        (cluster_queue(a100=ROOM), None, 1),
        (cluster_queue(a100=ROOM | {"nvidia.com/gpu": "0"}), 6, 0),
        (cluster_queue(a100=ROOM), 0, 0),
        (cluster_queue(cohort="team", a100=ROOM), 6, 6),
        (cluster_queue(a100={"cpu": "4"}), 6, 6),
        (Unseen.HIDDEN, 6, 6),
    ],
)
def test_a_plan_counts_no_more_gpus_than_the_quota(queue: ClusterQueue | Unseen, nodes: int | None, count: int) -> None:
    assert within_quota(on_cluster(nodes), queue).count == count


def test_a_model_with_needs_of_its_own_is_looked_at_by_itself() -> None:
    check = quota_check(LocalQueue("cells", "all", None), cluster_queue(a100=ROOM), load_template(), OPTIONS, "gemma3")
    assert (check.name, check.verdict) == ("quota for gemma3", Verdict.FAIL)
    assert "memory 16Gi in flavor a100, less than 64Gi): mend its quota or LAUNCHER_PER_MODEL" in check.detail


@pytest.mark.parametrize(
    ("found", "verdict", "words"),
    [
        (LocalQueue("cells", "all", None), Verdict.OK, "leads to ClusterQueue all"),
        (LocalQueue("cells", "all", "it is stopped"), Verdict.FAIL, "it is stopped: mend it or ClusterQueue all"),
        (Unseen.ABSENT, Verdict.FAIL, "mend --queue"),
        (Unseen.HIDDEN, Verdict.UNKNOWN, "k8s/components/kueue"),
    ],
)
def test_whether_a_queue_takes_jobs(found: LocalQueue | Unseen, verdict: Verdict, words: str) -> None:
    check = local_queue_check("cells", found)
    assert check.verdict is verdict
    assert words in check.detail
