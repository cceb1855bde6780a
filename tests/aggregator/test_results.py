"""Results of a bucket: asked for once, and never believed from memory what the store no longer says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.reading.reader import S3Reader, open_reader
from aggregator.reading.results import Damaged, Results, read_results
from benchmarks.witness import Witness, witness_of
from contract.exits import BadInput, StoreFailed
from contract.keys import result_key
from contract.opening import open_store
from contract.result import Success, encode
from contract.store import Store
from tests import factories
from tests.cluster.minio import Minio

TASKS = [factories.task(cell={"model": "bert", "labels": 2, "samples": 800, "seed": seed}) for seed in range(5)]
KEYS = [result_key(task.cell.id, task.fingerprint()) for task in TASKS]


@pytest.fixture
def witness(minio: Minio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Witness]:
    """Sees every request to the store of this test."""
    with witness_of(minio.endpoint) as witness:
        for name, value in (minio.environment() | {"AWS_ENDPOINT_URL_S3": witness.endpoint}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        yield witness


@pytest.fixture
def store(witness: Witness, bucket: str) -> Store:
    store = open_store(f"s3://{bucket}/study")
    for task in TASKS:
        factories.publish(store, factories.success(task))
    return store


def read(store: Store, wanted: list[str] = KEYS) -> Results:
    reader = open_reader(store.uri)
    assert isinstance(reader, S3Reader)
    return read_results(wanted, reader)


def gets(witness: Witness) -> list[str]:
    """The results that were fetched since the last look."""
    found = [each.partition("/study/")[2] for each in witness.requests if each.startswith("GET") and ".json" in each]
    witness.requests.clear()
    return sorted(found)


def test_each_result_is_fetched_once_and_for_all(store: Store, witness: Witness):
    first = read(store)
    assert gets(witness) == sorted(KEYS)
    assert list(first.listed) == sorted(KEYS)
    assert [first.read[key] for key in KEYS] == [factories.success(task) for task in TASKS]
    assert read(store) == first
    assert gets(witness) == []


def test_what_is_not_wanted_is_listed_and_not_fetched(store: Store, witness: Witness):
    found = read(store, KEYS[:2])
    assert gets(witness) == sorted(KEYS[:2])
    assert set(found.read) == set(KEYS[:2])
    assert set(found.listed) == set(KEYS)


def test_what_changes_in_the_store_is_seen_at_once(store: Store, witness: Witness):
    """An edit, a cut, another result under the same key, a deletion: the good copy in the cache excuses none."""
    read(store)
    edited, cut, other, deleted, _ = KEYS
    whole = encode(factories.success(TASKS[0]))
    store.put(edited, whole.replace(b'"best_step": 900', b'"best_step": 901'))
    store.put(cut, whole[:100])
    store.put(other, encode(factories.success(TASKS[2], test=0.5)))
    store.delete(deleted)
    gets(witness)
    found = read(store)
    assert gets(witness) == sorted([edited, cut, other])
    assert isinstance(refused := found.read[edited], Damaged)
    assert "does not match its digest" in refused.reason
    assert isinstance(found.read[cut], Damaged)
    assert isinstance(replaced := found.read[other], Success)
    assert replaced.test.accuracy == 0.5
    assert deleted not in found.listed
    assert deleted not in found.read


def test_what_was_refused_is_asked_for_again(store: Store, witness: Witness):
    store.put(KEYS[0], b"{")
    read(store)
    gets(witness)
    read(store)
    assert gets(witness) == [KEYS[0]]


def test_a_store_that_refuses_is_told_in_its_own_words(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Nothing of it is taken for missing."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises((StoreFailed, BadInput), match="SignatureDoesNotMatch"):
        read(store)


def test_a_folder_is_read_without_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    store = open_store(str(tmp_path / "results"))
    for task in TASKS:
        factories.publish(store, factories.success(task))
    found = read_results(KEYS, open_reader(store.uri))
    assert [found.read[key] for key in KEYS] == [factories.success(task) for task in TASKS]
    assert not list((tmp_path / "cache").rglob("*.sqlite"))
