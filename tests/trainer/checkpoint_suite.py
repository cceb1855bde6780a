"""Checkpoints in a store: a whole one is found again, anything less is refused by name and stands in nobody's way.

A subclass brings the fixture `store`: an empty one of its kind.
"""

from collections.abc import Callable
from typing import Any

import pytest

from contract.exits import StoreFailed
from contract.keys import MANIFEST, checkpoint_key
from contract.result import encode
from contract.store import Store
from contract.task import Train
from tests.factories import task
from trainer.checkpoint import LAYOUT, Manifest, latest, remove, remove_all, save
from trainer.snapshot import FILES as FILES_OF_ENGINES
from trainer.snapshot import Snapshot

FILES = FILES_OF_ENGINES[Train().engine]
TASK = task()
OTHER = task(hyper={"epochs": 9})
HERE = {"torch": "2.13.0", "device": "cpu", "dtype": "fp32"}


def snapshot(step: int) -> Snapshot:
    return Snapshot(step, {name: f"{name} after {step}".encode() for name in FILES})


def found(store: Store, conditions: dict[str, str] = HERE) -> tuple[Snapshot | None, list[str]]:
    """The snapshot to go on from, and what is said about each that is not used."""
    refused: list[str] = []
    answer = latest(store, TASK, conditions, lambda place, why: refused.append(f"{place}: {why}"))
    return answer and answer[1], refused


class Dying:
    """A store whose writer is gone after so many calls."""

    def __init__(self, store: Store, calls: int) -> None:
        self._store = store
        self._left = calls

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, key: str, data: bytes) -> None:
        self._live()
        self._store.put(key, data)

    def delete(self, key: str) -> None:
        self._live()
        self._store.delete(key)

    def _live(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise StoreFailed("gone")


DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "cut": lambda data: data[:-1],
    "longer": lambda data: data + b"x",
    "flipped": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "emptied": lambda data: b"",
    "gone": lambda data: None,
}


def rewritten(store: Store, manifest: Manifest, **changes: object) -> None:
    """A manifest that fits its digest and says something else."""
    key = checkpoint_key(manifest.cell.id, manifest.fingerprint, manifest.attempt, manifest.step, MANIFEST)
    store.put(key, encode(manifest.model_copy(update=changes)))


class CheckpointSuite:
    """What a trainer relies on, whatever holds its checkpoints."""

    def test_the_furthest_is_found_whole_whichever_attempt_wrote_it(self, store: Store):
        assert found(store) == (None, [])
        for attempt, step in (("a1", 9), ("a3", 100), ("a2", 20)):
            save(store, TASK, attempt, snapshot(step), HERE)
        assert found(store) == (snapshot(100), [])

    @pytest.mark.parametrize("calls", range(len(FILES) + 1))
    def test_one_that_was_not_written_to_its_end_is_not_seen(self, store: Store, calls: int):
        save(store, TASK, "a1", snapshot(5), HERE)
        with pytest.raises(StoreFailed):
            save(Dying(store, calls), TASK, "a1", snapshot(10), HERE)
        answer, refused = found(store)
        assert answer == snapshot(5)
        assert len(refused) == (calls > 0)
        assert all("a1/10/: it was not written to its end" in line for line in refused)

    @pytest.mark.parametrize("calls", range(len(FILES) + 1))
    def test_one_that_was_not_deleted_to_its_end_is_not_seen(self, store: Store, calls: int):
        save(store, TASK, "a1", snapshot(10), HERE)
        half = save(store, TASK, "a1", snapshot(5), HERE)
        with pytest.raises(StoreFailed):
            remove(Dying(store, calls), half)
        assert found(store)[0] == snapshot(10)
        with pytest.raises(StoreFailed):
            remove_all(Dying(store, calls), TASK)
        assert found(store)[0] == (snapshot(10) if calls == 0 else None)

    @pytest.mark.parametrize("damage", DAMAGES)
    @pytest.mark.parametrize("name", [*FILES, MANIFEST])
    def test_a_damaged_one_is_found_out_and_the_one_before_it_used(self, store: Store, name: str, damage: str):
        save(store, TASK, "a1", snapshot(5), HERE)
        save(store, TASK, "a2", snapshot(10), HERE)
        key = checkpoint_key(TASK.cell.id, TASK.fingerprint(), "a2", 10, name)
        data = DAMAGES[damage](store.get(key))
        if data is None:
            store.delete(key)
        else:
            store.put(key, data)
        answer, refused = found(store)
        assert answer == snapshot(5)
        (line,) = refused
        assert "a2/10/" in line
        assert name == MANIFEST or name in line

    def test_other_settings_are_named_and_not_used(self, store: Store):
        save(store, OTHER, "a1", snapshot(10), HERE)
        answer, (line,) = found(store)
        assert answer is None
        assert OTHER.fingerprint() in line
        assert "other settings" in line

    def test_one_that_lies_in_another_place_is_not_used(self, store: Store):
        """Copied by hand under the key of other settings, or of a later step."""
        for source in (save(store, OTHER, "a1", snapshot(10), HERE), save(store, TASK, "a1", snapshot(10), HERE)):
            for name in (MANIFEST, *FILES):
                data = store.get(checkpoint_key(source.cell.id, source.fingerprint, "a1", 10, name))
                store.put(checkpoint_key(TASK.cell.id, TASK.fingerprint(), "a1", 20, name), data)
            answer, refused = found(store)
            assert answer in (None, snapshot(10))
            assert any("a1/20/: its manifest speaks of another checkpoint" in line for line in refused)

    @pytest.mark.parametrize(
        ("now", "words"),
        [
            (HERE | {"torch": "2.14.0"}, "torch was 2.13.0, now 2.14.0"),
            (HERE | {"dtype": "bf16"}, "dtype was fp32, now bf16"),
            (HERE | {"peft": "0.21"}, "peft was None, now 0.21"),
        ],
    )
    def test_one_of_other_libraries_or_another_device_is_not_used(self, store: Store, now: dict[str, str], words: str):
        save(store, TASK, "a1", snapshot(10), HERE)
        answer, (line,) = found(store, now)
        assert answer is None
        assert words in line

    def test_an_unknown_version_is_not_used(self, store: Store):
        manifest = save(store, TASK, "a1", snapshot(10), HERE)
        for changes, words in (
            ({"layout": LAYOUT + 1}, f"layout {LAYOUT + 1}; this program reads {LAYOUT}"),
            ({"schema_version": 99}, "schema version 99 is newer"),
        ):
            rewritten(store, manifest, **changes)
            answer, (line,) = found(store)
            assert answer is None
            assert words in line

    def test_a_manifest_cannot_name_a_file_elsewhere(self, store: Store):
        """Its names become names of files of the next attempt."""
        manifest = save(store, TASK, "a1", snapshot(10), HERE)
        parts = manifest.parts | {"../../../outside": manifest.parts[FILES[0]]}
        rewritten(store, manifest, parts=parts)
        answer, (line,) = found(store)
        assert answer is None
        assert "does not list the parts" in line

    def test_removing_all_leaves_other_settings_alone(self, store: Store):
        save(store, TASK, "a1", snapshot(10), HERE)
        save(store, TASK, "a2", snapshot(10), HERE)
        kept = save(store, OTHER, "a1", snapshot(10), HERE)
        remove_all(store, TASK)
        assert {key.split("/")[2] for key in store.list("checkpoints/")} == {kept.fingerprint}
