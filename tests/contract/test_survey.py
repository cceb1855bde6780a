"""What the store says about a cell."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contract.keys import ATTEMPTS, FAILURE, LOG, PODS, PROGRESS, RESULTS, attempt_key, pod_failure_key, result_key
from contract.opening import open_store
from contract.store import Store
from contract.survey import Done, Failed, Lost, Missing, Running, Stale, State, look, survey
from contract.task import Task
from tests.factories import failure, pod_failure, progress, publish, success, task
from tests.watched import Watched

AN_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


@pytest.fixture
def asked() -> Task:
    return task()


def state(of: Task, store: Store) -> State:
    """By both ways, which must agree."""
    (surveyed,) = survey([of], store)
    assert look(of, store) == surveyed
    return surveyed


def key(of: Task, name: str, attempt: str = "a1") -> str:
    return attempt_key(of.cell.id, of.fingerprint(), attempt, name)


def test_nothing_is_missing_and_not_failed(asked: Task, store: Store):
    assert state(asked, store) == Missing()


def test_a_result_is_done_whatever_the_attempts_say(asked: Task, store: Store):
    publish(store, success(asked))
    publish(store, failure(asked, attempt="a2"))
    publish(store, progress(asked, attempt="a3"))
    assert state(asked, store) == Done()


def test_another_cells_result_is_not_this_ones(asked: Task, store: Store):
    publish(store, success(task(cell={"model": "bert", "labels": 2, "samples": 8000})))
    publish(store, failure(task(cell={"model": "bert", "labels": 2, "samples": 80})))
    assert state(asked, store) == Missing()


def test_an_attempt_that_reported_just_now_is_running(asked: Task, store: Store):
    publish(store, progress(asked, step=300))
    assert isinstance(state(asked, store), Running)


def test_an_attempt_that_fell_silent_is_lost_and_says_where(asked: Task, store: Store):
    last = progress(asked, step=300, updated_at=AN_HOUR_AGO)
    publish(store, last)
    assert state(asked, store) == Lost(last)


@pytest.mark.parametrize("name", [PROGRESS, LOG])
def test_an_attempt_that_left_nothing_readable_is_lost(asked: Task, store: Store, name: str):
    store.put(key(asked, name), b"{cut")
    assert state(asked, store) == Lost(None)


@pytest.mark.parametrize(("exit_code", "retriable"), [(10, False), (13, True), (2, False), (137, True)])
def test_a_failure_says_whether_to_try_again(asked: Task, store: Store, exit_code: int, retriable: bool):
    publish(store, progress(asked))
    publish(store, failure(asked, exit_code=exit_code))
    found = state(asked, store)
    assert found == Failed(failure(asked, exit_code=exit_code))
    assert found.retriable is retriable


def test_the_latest_attempt_counts(asked: Task, store: Store):
    publish(store, failure(asked, attempt="20261101T120000Z-ffffff"))
    publish(store, progress(asked, attempt="20261101T130000Z-000000"))
    assert isinstance(state(asked, store), Running)
    publish(store, failure(asked, attempt="20261101T140000Z-000000"))
    assert isinstance(state(asked, store), Failed)


def test_a_result_of_other_settings_is_stale_because_of_them(asked: Task, store: Store):
    publish(store, success(task(hyper={"learning_rate": 1e-3, "epochs": 2})))
    assert state(asked, store) == Stale({"hyper.learning_rate": (1e-3, 1e-4), "hyper.epochs": (2, 5)})


def test_of_several_stale_results_the_most_similar_gives_the_reasons(asked: Task, store: Store):
    for learning_rate in (1e-3, 1e-5):
        publish(store, success(task(hyper={"learning_rate": learning_rate, "epochs": 2})))
    publish(store, success(task(hyper={"epochs": 3})))
    store.put(result_key(asked.cell.id, "0" * 16), b"{cut")
    assert state(asked, store) == Stale({"hyper.epochs": (3, 5)})


def test_a_stale_result_that_cannot_be_read_gives_no_reasons(asked: Task, store: Store):
    store.put(result_key(asked.cell.id, "0" * 16), b"{cut")
    assert state(asked, store) == Stale({})


def test_an_attempt_at_the_new_settings_says_more_than_the_old_result(asked: Task, store: Store):
    publish(store, success(task(hyper={"epochs": 2})))
    publish(store, failure(asked))
    assert isinstance(state(asked, store), Failed)


def test_states_stand_in_the_order_of_the_tasks(store: Store):
    tasks = [task(cell={"model": "bert", "labels": 2, "samples": 80, "seed": seed}) for seed in range(4)]
    publish(store, success(tasks[2]))
    publish(store, failure(tasks[1]))
    assert [type(found) for found in survey(tasks, store)] == [Missing, Failed, Done, Missing]


def test_a_failure_that_cannot_be_read_is_not_a_running_cell(asked: Task, store: Store):
    publish(store, progress(asked, updated_at=AN_HOUR_AGO))
    store.put(key(asked, FAILURE), b"{cut")
    assert isinstance(state(asked, store), Lost)


def test_a_killed_pod_is_failed_with_its_cause_and_the_last_word_of_its_attempt(asked: Task, store: Store):
    last, killed = progress(asked, step=300, updated_at=AN_HOUR_AGO), pod_failure(asked)
    for document in (last, killed):
        publish(store, document)
    found = state(asked, store)
    assert found == Failed(killed, last)
    assert (found.cause.partition(":")[0], found.retriable) == ("OOMKilled", False)


def test_a_pod_that_left_no_other_word_is_failed(asked: Task, store: Store):
    publish(store, success(task(hyper={"epochs": 2})))
    publish(store, pod_failure(asked, error="evicted", retriable=True))
    found = state(asked, store)
    assert isinstance(found, Failed)
    assert found.retriable


def test_a_pod_that_was_killed_a_moment_ago_runs_no_more(asked: Task, store: Store):
    """Its last report is fresh, and later than the cluster's time, which is cut to a whole second."""
    reported = datetime.now(UTC).replace(microsecond=900_000)
    publish(store, progress(asked, updated_at=reported))
    publish(store, pod_failure(asked, ended_at=reported.replace(microsecond=0)))
    assert isinstance(state(asked, store), Failed)


@pytest.mark.parametrize("after", [progress, failure])
def test_a_pod_failure_before_the_latest_attempt_s_report_is_history(asked: Task, store: Store, after):
    attempt = after(asked)
    reported = attempt.updated_at if after is progress else attempt.provenance.finished_at
    publish(store, pod_failure(asked, ended_at=reported - timedelta(seconds=1)))
    before = state(asked, store)
    publish(store, attempt)
    assert (type(before), state(asked, store) == before) == (Failed, False)


def test_a_pod_that_ended_after_an_attempt_s_own_failure_is_the_latest(asked: Task, store: Store):
    own = failure(asked)
    publish(store, own)
    publish(store, pod_failure(asked, ended_at=own.provenance.finished_at + timedelta(minutes=1)))
    found = state(asked, store)
    assert isinstance(found, Failed)
    assert found.cause.startswith("OOMKilled")


def test_of_several_pods_the_last_to_end_counts(asked: Task, store: Store):
    for minutes, uid in ((2, "a"), (3, "b"), (1, "c")):
        publish(store, pod_failure(asked, uid=uid, error=uid, ended_at=AN_HOUR_AGO + timedelta(minutes=minutes)))
    found = state(asked, store)
    assert isinstance(found, Failed)
    assert found.failure.error == "b"


def test_a_result_outweighs_every_pod_failure(asked: Task, store: Store):
    publish(store, pod_failure(asked))
    publish(store, success(asked))
    assert state(asked, store) == Done()


def test_a_pod_failure_of_another_cell_or_of_other_settings_is_not_this_one_s(asked: Task, store: Store):
    publish(store, pod_failure(task(cell={"model": "bert", "labels": 2, "samples": 8000})))
    publish(store, pod_failure(task(hyper={"epochs": 2})))
    assert state(asked, store) == Missing()


def test_a_pod_failure_that_cannot_be_read_says_nothing(asked: Task, store: Store):
    store.put(pod_failure_key(asked.cell.id, asked.fingerprint(), "u1"), b"{cut")
    assert state(asked, store) == Missing()


def test_a_finished_grid_costs_one_listing_and_no_read(asked: Task, tmp_path: Path):
    """Its attempts may be ten times as many keys."""
    store = Watched(tmp_path)
    publish(store, success(asked))
    publish(store, failure(asked))
    assert survey([asked], store) == [Done()]
    assert store.asked == [RESULTS]


def test_one_missing_result_costs_one_listing_of_attempts_and_of_pods(asked: Task, tmp_path: Path):
    store = Watched(tmp_path)
    publish(store, success(asked))
    others = [task(cell={"model": "bert", "labels": 2, "samples": 80, "seed": seed}) for seed in range(3)]
    assert survey([asked, *others], store) == [Done(), *[Missing()] * 3]
    assert store.asked == [RESULTS, ATTEMPTS, PODS]
