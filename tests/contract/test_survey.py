"""What the store says about a cell."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contract.store import FAILURE, LOG, PROGRESS, Store, attempt_key, open_store, result_key
from contract.survey import Done, Failed, Lost, Missing, Running, Stale, State, look, survey
from contract.task import Task
from tests.factories import failure, progress, publish, success, task

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
