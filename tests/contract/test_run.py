"""Runs remember what was asked for, and refuse to be something else."""

from pathlib import Path

import pytest

from contract.exits import BadInput
from contract.grid import load_grid
from contract.revision import resolve
from contract.run import Run, load_run, record_run, run_names
from contract.store import Store, open_store, run_key


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


def smoke(*settings: str, seeds: tuple[int, ...] = (0,)) -> Run:
    grid = load_grid("smoke").model_copy(update={"seeds": seeds})
    for setting in settings:
        grid = grid.with_setting(setting)
    return Run.of("smoke", resolve(grid.tasks("elsewhere")))


def test_the_same_request_twice_is_one_run(store: Store):
    record_run(store, smoke())
    record_run(store, smoke())
    assert run_names(store) == ["smoke"]


def test_a_recorded_run_gives_back_its_tasks(store: Store):
    record_run(store, smoke("hyper.learning_rate=1e-3", "data.labels=joy,fear"))
    tasks = load_run(store, "smoke").resolved_tasks(store.uri)
    assert [task.fingerprint() for task in tasks] == list(load_run(store, "smoke").fingerprints.values())
    assert {(task.hyper.learning_rate, task.labels, task.results.uri) for task in tasks} == {
        (1e-3, ("joy", "fear"), store.uri)
    }


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (smoke("hyper.learning_rate=1e-3"), ["hyper.learning_rate", "0.0001", "0.001", "qwen2-5-l2-n80-s0"]),
        (smoke(seeds=(0, 1)), ["5 cells more", "s1"]),
        (smoke(seeds=(1,)), ["5 cells more", "5 fewer"]),
        (smoke("data.labels=joy,fear"), ["data.labels"]),
        (smoke("bert:hyper.epochs=3"), ["hyper.epochs was 1, now 3", "bert"]),
    ],
)
def test_the_same_name_for_something_else_says_what_differs(store: Store, other: Run, words: list[str]):
    record_run(store, smoke())
    with pytest.raises(BadInput) as caught:
        record_run(store, other)
    for word in ["--run", *words]:
        assert word in str(caught.value)
    assert load_run(store, "smoke") == smoke()


def test_a_damaged_record_is_named(store: Store):
    store.put(run_key("smoke"), smoke().model_dump_json().encode()[:-20])
    with pytest.raises(BadInput, match=r"runs/smoke\.json"):
        load_run(store, "smoke")


def test_a_record_of_a_newer_program_is_refused_by_name(store: Store):
    store.put(run_key("smoke"), smoke().model_copy(update={"schema_version": 99}).model_dump_json().encode())
    with pytest.raises(BadInput, match="schema version 99"):
        load_run(store, "smoke")


def test_an_unknown_run_is_none(store: Store):
    assert load_run(store, "nosuch") is None
