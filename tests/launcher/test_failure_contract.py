"""Every end of a cell in the failure contract, on the real Job controller, scheduler and node controllers."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from contract.keys import PODS
from tests.cluster.cluster import Cluster
from tests.cluster.endings import ends
from tests.cluster.minio import Minio
from tests.launcher.clustered import launcher_on
from tests.launcher.failure_contract import (
    CASES,
    DOCUMENT,
    DeadNode,
    EveryPod,
    FirstPod,
    OwnFailure,
    with_table,
)
from tests.launcher.fates import Fates, play

PLAYED = [(case, each) for case in CASES for each in case.plays]


def test_the_document_has_the_table_of_the_cases() -> None:
    text = DOCUMENT.read_text()
    assert text == with_table(text), "write it anew: python -m tests.launcher.failure_contract"


@dataclass(frozen=True)
class Told:
    """What became of each play's cell."""

    fates: Fates
    status: dict[str, dict[str, Any]]
    """Cell id -> what `status --json` says."""
    by_the_store: dict[str, dict[str, Any]]
    """The same where there is no cluster any more."""
    kept: Counter[str]
    """Cell id -> number of its pod failures in the store."""
    retried: set[str]
    """Cell ids of the Jobs that `retry` made anew."""


@pytest.fixture(scope="module")
def told(cluster: Cluster, minio: Minio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with ExitStack() as stack:
        launcher = stack.enter_context(launcher_on(cluster, minio, tmp_path_factory.mktemp("contract")))
        fates = play(launcher, PLAYED, stack)
        status = launcher.json("status")["cells"]
        alone = launcher.json("status", KUBECONFIG="/nonexistent/config")["cells"]
        kept = Counter(key.split("/")[1] for key in launcher.store().list(PODS))
        retried = {job["cell"] for job in launcher.json("retry")["jobs"] if job["outcome"] == "created"}
        yield Told(fates, _by_cell(status), _by_cell(alone), kept, retried)


def _by_cell(cells: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {cell["cell"]: cell for cell in cells}


@pytest.mark.parametrize("number", range(len(PLAYED)), ids=lambda number: f"{number}: {PLAYED[number][0].happens}")
def test_a_cell_ends_as_the_contract_says(told: Told, number: int) -> None:
    case, each = PLAYED[number]
    cell = told.fates.cell(each)
    if case.pods:
        assert (told.fates.job_end(cell), told.fates.pods(cell)) == (case.job, case.pods)
    said = told.status[cell]
    assert (said["state"], said.get("error"), said.get("retriable")) == (case.state, case.error, case.retriable)
    assert said["job"]["age_seconds"] >= 0
    assert (cell in told.retried) == (case.state == "failed")
    if case.state == "failed":
        assert _why(told.by_the_store[cell]) == _why(said)


def _why(said: dict[str, Any]) -> list[Any]:
    return [said.get(name) for name in ("state", "error", "message", "retriable")]


def test_a_dead_node_is_named_with_the_way_out_and_kept_in_the_store(told: Told) -> None:
    cell = told.fates.cell(DeadNode(deleted=False))
    held = told.status[cell]
    assert held["reason"].startswith(f"node {held['job']['node']} is lost")
    assert "until the Node object is deleted" in held["reason"]
    assert (told.by_the_store[cell]["error"], told.by_the_store[cell]["node"]) == ("node-lost", held["job"]["node"])


def test_an_eviction_is_kept_though_its_job_goes_on(told: Told) -> None:
    cells = [told.fates.cell(each) for _, each in PLAYED if isinstance(each, FirstPod)]
    assert {told.by_the_store[cell].get("error") for cell in cells} == {"evicted"}


def test_only_what_no_trainer_told_is_kept(told: Told) -> None:
    assert told.kept[told.fates.cell(OwnFailure())] == 0
    assert told.kept[told.fates.cell(EveryPod(ends(2)))] == 1
