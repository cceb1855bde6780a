"""The promises of every kind of store. A subclass brings the fixture `store`: an empty one of its kind."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contract.exits import StoreFailed
from contract.opening import open_store
from contract.store import Store


class StoreSuite:
    """What trainers, launcher and report rely on."""

    def test_published_once_and_for_all(self, store: Store):
        assert store.publish("results/a/1.json", b"first")
        assert not store.publish("results/a/1.json", b"second, and longer")
        assert store.get("results/a/1.json") == b"first"

    def test_what_was_put_counts_as_published(self, store: Store):
        store.put("results/a/1.json", b"first")
        assert not store.publish("results/a/1.json", b"second")
        assert store.get("results/a/1.json") == b"first"

    def test_an_answer_that_was_lost_is_no_lost_race(self, store: Store):
        """Whoever asks again, since the answer was lost, finds its own object in the way."""
        store.put("results/a/1.json", b"written by the request whose answer was lost")
        assert store.publish("results/a/1.json", b"written by the request whose answer was lost")
        assert not store.publish("results/a/1.json", b"another attempt's")

    def test_put_replaces_the_whole(self, store: Store):
        store.put("k", b"long before")
        store.put("k", b"now")
        assert store.get("k") == b"now"

    @pytest.mark.parametrize("data", [b"", b"\x00\xff\r\n", b"x" * 3_000_000], ids=["empty", "binary", "large"])
    def test_bytes_come_back_as_they_were(self, store: Store, data: bytes):
        store.put("put", data)
        assert store.publish("published", data)
        assert store.get("put") == store.get("published") == data

    def test_a_file_comes_back_as_it_was(self, store: Store, tmp_path: Path):
        """In one part, in several, and over what was there."""
        source, target = tmp_path / "source", tmp_path / "target"
        for size in (40 * 2**20, 0, 1000):
            source.write_bytes(random.Random(size).randbytes(size))
            store.upload("w/model", source)
            assert store.download("w/model", target)
            assert target.read_bytes() == source.read_bytes()
        assert store.get("w/model") == source.read_bytes()
        assert list(store.list("")) == ["w/model"]

    def test_a_file_of_nothing_is_told(self, store: Store, tmp_path: Path):
        assert not store.download("w/model", tmp_path / "target")
        assert not (tmp_path / "target").exists()

    def test_a_target_that_cannot_be_written_is_a_failure_in_one_line(self, store: Store, tmp_path: Path):
        store.put("w/model", b"x")
        with pytest.raises(StoreFailed, match="No such file or directory"):
            store.download("w/model", tmp_path / "no" / "folder" / "target")

    def test_nothing_there_is_none(self, store: Store):
        assert store.get("results/a/1.json") is None
        assert list(store.list("")) == list(store.list("results/")) == []
        store.put("results/a", b"")
        assert store.get("results/a/1.json") is None
        assert list(store.list("results/a/")) == []

    def test_a_listing_is_sorted_and_holds_the_prefix_only(self, store: Store):
        for key in ("b/2", "b/10", "a/1", "bb/1", "b/c/3", "b-"):
            store.put(key, b"")
        assert list(store.list("b/")) == ["b/10", "b/2", "b/c/3"]
        assert list(store.list("b/c")) == ["b/c/3"]
        assert list(store.list("b/1")) == ["b/10"]
        assert list(store.list("c")) == []
        assert list(store.list("")) == ["a/1", "b-", "b/10", "b/2", "b/c/3", "bb/1"]

    def test_the_uri_of_a_store_opens_it_again(self, store: Store):
        store.put("k", b"v")
        assert open_store(store.uri).get("k") == b"v"

    def test_one_of_many_racers_wins_and_everybody_reads_the_winner(self, store: Store):
        with ThreadPoolExecutor(16) as racers:
            for key in (f"results/c/{i}.json" for i in range(20)):
                won = list(racers.map(lambda racer, key=key: store.publish(key, f"{racer}".encode() * 1000), range(16)))
                assert won.count(True) == 1
                assert store.get(key) == f"{won.index(True)}".encode() * 1000
        assert len(list(store.list(""))) == 20

    def test_a_reader_never_sees_half_of_what_is_put(self, store: Store):
        values = {b"a" * 1_000_000, b"b" * 2_000_000}
        store.put("k", next(iter(values)))
        stop = threading.Event()

        def put_for_ever() -> None:
            while not stop.is_set():
                for value in values:
                    store.put("k", value)

        with ThreadPoolExecutor(1) as writer:
            writing = writer.submit(put_for_ever)
            try:
                assert {store.get("k") for _ in range(300)} <= values
                assert list(store.list("")) == ["k"]
            finally:
                stop.set()
            writing.result()

    def test_what_is_deleted_is_gone_and_may_be_written_again(self, store: Store):
        for key in ("a/1", "a/2"):
            store.put(key, b"x")
        store.delete("a/1")
        assert store.get("a/1") is None
        assert list(store.list("")) == ["a/2"]
        assert store.publish("a/1", b"again")
        assert store.get("a/1") == b"again"

    def test_deleting_nothing_is_no_failure(self, store: Store):
        store.put("a/1", b"x")
        for key in ("a/1", "a/1", "a/2", "b/c/d", "a/1/below-a-file"):
            store.delete(key)
        assert list(store.list("")) == []

    def test_entries_are_the_keys_with_size_and_time(self, store: Store):
        before = datetime.now(UTC) - timedelta(minutes=1)  # clocks of a store and of its client may differ a little
        store.put("a/1", b"xyz")
        store.publish("a/2", b"")
        store.put("b/1", b"")
        entries = list(store.entries("a/"))
        assert [(entry.key, entry.bytes) for entry in entries] == [("a/1", 3), ("a/2", 0)]
        assert all(before < entry.modified_at < before + timedelta(minutes=5) for entry in entries)
