"""Runs remember what was asked for, and refuse to be something else."""

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from contract.exits import BadInput
from contract.grid import load_grid
from contract.keys import run_key
from contract.opening import open_store
from contract.revision import resolve
from contract.run import Run, load_run, record_run, run_names
from contract.store import Store
from contract.survey import Done, Missing, survey
from contract.task import Task
from tests.contract.strategies import tasks
from tests.factories import publish, success


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


def test_a_request_that_differs_in_nothing_that_counts_is_the_same(store: Store):
    record_run(store, smoke())
    record_run(store, smoke("train.threads=3"))
    assert load_run(store, "smoke") == smoke()


def test_a_recorded_run_gives_back_its_tasks(store: Store):
    record_run(store, smoke("hyper.learning_rate=1e-3", "data.labels=joy,fear"))
    recorded = load_run(store, "smoke").resolved_tasks(store.uri)
    assert [task.fingerprint() for task in recorded] == list(load_run(store, "smoke").fingerprints.values())
    assert {(task.hyper.learning_rate, task.labels, task.results.uri) for task in recorded} == {
        (1e-3, ("joy", "fear"), store.uri)
    }


@given(tasks())
@settings(max_examples=50)
def test_a_task_keeps_its_settings_and_its_fingerprint(asked: Task):
    """Also a learning rate with seventeen digits, and a corpus that is no longer where it was."""
    with TemporaryDirectory() as folder:
        store = open_store(folder)
        record_run(store, Run.of("r", [asked]))
        (recorded,) = load_run(store, "r").resolved_tasks(asked.results.uri)
    assert recorded == asked
    assert recorded.fingerprint() == asked.fingerprint()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (smoke("hyper.learning_rate=1e-3"), ["hyper.learning_rate was 0.0001, now 0.001", "qwen2-5-l2-n80-s0"]),
        (smoke("hyper.eval_steps=7"), ["hyper.eval_steps was None, now 7"]),
        (smoke("bert:hyper.epochs=3"), ["hyper.epochs was 1, now 3", "bert-l2-n80-s0"]),
        (smoke("data.labels=joy,fear"), ["data.labels", "joy", "admiration"]),
        (smoke("data.source=hub"), ["data.revision was synthetic:1, now hub:"]),
        (smoke("model.weights=hub"), ["model.revision was random:1, now hub:"]),
        (smoke("model.double_quant=false"), ["model.double_quant was True, now False"]),
        (smoke(seeds=(0, 1)), ["5 cells more, 0 fewer", "qwen2-5-l2-n80-s1"]),
        (smoke(seeds=(1,)), ["5 cells more, 5 fewer", "s1"]),
    ],
)
def test_the_same_name_for_something_else_says_what_differs(store: Store, other: Run, words: list[str]):
    record_run(store, smoke())
    with pytest.raises(BadInput) as caught:
        record_run(store, other)
    for word in ["run 'smoke'", "--run", *words]:
        assert word in str(caught.value)
    assert load_run(store, "smoke") == smoke()


def test_fewer_cells_differ_too(store: Store):
    record_run(store, smoke(seeds=(0, 1)))
    with pytest.raises(BadInput, match="0 cells more, 5 fewer"):
        record_run(store, smoke())


def test_a_run_of_other_numerics_says_so(store: Store):
    """Equal settings under other fingerprints: NUMERICS_VERSION was raised since."""
    before = smoke()
    older = dict.fromkeys(before.fingerprints, "0" * 16)
    record_run(store, before.model_copy(update={"fingerprints": older}))
    with pytest.raises(BadInput, match="computes its cells differently"):
        record_run(store, before)


def test_a_run_of_other_numerics_keeps_its_results(store: Store):
    """After an update of the program its finished cells are still this run's, and nobody else's."""
    older = {cell: f"{number:016x}" for number, cell in enumerate(smoke().fingerprints)}
    record_run(store, smoke().model_copy(update={"fingerprints": older}))
    recorded = load_run(store, "smoke").resolved_tasks(store.uri)
    assert {task.cell.id: task.fingerprint() for task in recorded} == older
    publish(store, success(recorded[0]))
    assert [type(state) for state in survey(recorded, store)] == [Done, *[Missing] * 4]
    assert recorded[0].to_env() == smoke().resolved_tasks(store.uri)[0].to_env()


def test_a_record_cut_anywhere_is_named(store: Store):
    whole = smoke().model_dump_json(indent=1).encode()
    for length in random.Random(0).sample(range(len(whole)), 30):
        store.put(run_key("smoke"), whole[:length])
        with pytest.raises(BadInput, match=r"runs/smoke\.json in .* cannot be read"):
            load_run(store, "smoke")
        with pytest.raises(BadInput, match=r"runs/smoke\.json in .* cannot be read"):
            record_run(store, smoke())


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"null",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'{"schema_version": "2", "name": "smoke", "tasks": [], "fingerprints": {}}',
        b'{"schema_version": null, "name": "smoke", "tasks": [], "fingerprints": {}}',
    ],
    ids=["list", "null", "empty", "no text", "nested", "version in quotes", "no version"],
)
def test_bytes_that_are_no_record(store: Store, data: bytes):
    store.put(run_key("smoke"), data)
    with pytest.raises(BadInput, match=r"runs/smoke\.json in .* cannot be read"):
        load_run(store, "smoke")


def test_a_record_of_a_newer_program_is_refused_by_name(store: Store):
    store.put(run_key("smoke"), smoke().model_copy(update={"schema_version": 99}).model_dump_json().encode())
    with pytest.raises(BadInput, match="schema version 99"):
        load_run(store, "smoke")


@pytest.mark.parametrize(
    ("known", "unknown"), [(b'"bert"', b'"roberta"'), (b'"lora_r"', b'"lora_rank"'), (b'"cosine"', b'"sine"')]
)
def test_a_record_with_settings_that_this_program_lacks_is_one_line(store: Store, known: bytes, unknown: bytes):
    """Written by a program with another registry or another name of a setting."""
    written = smoke().model_dump_json().encode()
    assert known in written
    store.put(run_key("smoke"), written.replace(known, unknown))
    with pytest.raises(BadInput, match=r"runs/smoke\.json: .*known|runs/smoke\.json: .*should be") as caught:
        load_run(store, "smoke").resolved_tasks(store.uri)
    assert "\n" not in str(caught.value)
    assert unknown.decode().strip('"') in str(caught.value)


def test_an_unknown_run_is_none(store: Store):
    assert load_run(store, "nosuch") is None
    assert run_names(store) == []
