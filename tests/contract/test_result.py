"""Documents: whole or refused."""

import contextlib
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.result import SCHEMA, Artifact, Failure, PodFailure, Progress, Success, Unreadable, decode, encode
from contract.task import Task
from tests.contract.strategies import tasks
from tests.factories import failure, pod_failure, progress, success, task

FIXTURES = Path(__file__).parent / "fixtures"
TASK = task()
DOCUMENT = success(TASK)
ENCODED = encode(DOCUMENT)
any_text = st.text(st.characters())  # paths and messages of foreign libraries may hold lone surrogates


def with_digest(content: dict[str, Any]) -> bytes:
    """As a writer of another version would write it: the digest covers whatever is there."""
    content = {name: value for name, value in content.items() if name != "digest"}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return json.dumps(content | {"digest": hashlib.sha256(canonical.encode()).hexdigest()}).encode()


@given(tasks(), st.floats(0, 1), st.floats(0, 1), st.dictionaries(any_text, st.integers(0), max_size=3))
def test_a_success_is_read_as_it_was_written(of: Task, validation: float, test: float, files: dict[str, int]):
    artifacts = {name: Artifact(key="k/file", bytes=size, sha256="0" * 64) for name, size in files.items()}
    document = success(of, validation=validation, test=test).model_copy(update={"artifacts": artifacts})
    assert decode(encode(document), Success) == document


@given(tasks(), any_text, st.lists(any_text, max_size=3))
def test_a_failure_is_read_as_it_was_written(of: Task, message: str, tail: list[str]):
    document = failure(of).model_copy(update={"message": message, "traceback_tail": tail})
    assert decode(encode(document), Failure) == document


@given(tasks(), st.datetimes(timezones=st.just(UTC)), st.none() | st.floats(0, 1e9))
def test_a_progress_is_read_as_it_was_written(of: Task, updated_at: datetime, eta_seconds: float | None):
    document = progress(of, updated_at=updated_at).model_copy(update={"eta_seconds": eta_seconds})
    assert decode(encode(document), Progress) == document


@given(tasks(), any_text, st.datetimes(timezones=st.just(UTC)), st.none() | st.integers(0, 255))
def test_a_pod_failure_is_read_as_it_was_written(of: Task, message: str, ended_at: datetime, exit_code: int | None):
    seen = {"message": message, "exit_code": exit_code, "pod": None, "node": None}
    document = pod_failure(of, ended_at=ended_at).model_copy(update=seen)
    assert decode(encode(document), PodFailure) == document


@given(st.integers(0, len(ENCODED) - 1))
def test_a_cut_document_is_refused(length: int):
    with pytest.raises(Unreadable):
        decode(ENCODED[:length], Success)


@given(st.integers(0, len(ENCODED) - 1), st.integers(0, 1), st.binary(max_size=2))
def test_an_edit_is_refused_or_changes_nothing(position: int, dropped: int, inserted: bytes):
    """White space between tokens is the only thing that may differ."""
    edited = ENCODED[:position] + inserted + ENCODED[position + dropped :]
    with contextlib.suppress(Unreadable):
        assert decode(edited, Success) == DOCUMENT


def test_no_number_can_be_changed():
    """Numbers are what somebody would improve; an edit of one is still JSON and would still be a Success."""
    digits = [position for position, byte in enumerate(ENCODED) if chr(byte).isdigit()]
    for position in digits[::7]:
        other = b"1" if ENCODED[position : position + 1] != b"1" else b"2"
        edited = ENCODED[:position] + other + ENCODED[position + 1 :]
        if json.loads(edited) != json.loads(ENCODED):  # the seventeenth digit of a float may not count
            with pytest.raises(Unreadable):
                decode(edited, Success)


def test_a_better_accuracy_written_in_by_hand_is_refused():
    content = json.loads(ENCODED)
    content["test"]["accuracy"] = 0.99
    with pytest.raises(Unreadable, match="edited"):
        decode(json.dumps(content).encode(), Success)


def test_a_document_may_be_written_in_another_layout():
    assert decode(json.dumps(json.loads(ENCODED), sort_keys=True).encode(), Success) == DOCUMENT


def test_fields_that_a_newer_writer_added_are_ignored():
    """A minor addition does not raise SCHEMA; results of a newer trainer stay readable here."""
    content = json.loads(ENCODED) | {"energy_joules": 12.5}
    content["training"]["shards"] = 2
    assert decode(with_digest(content), Success) == DOCUMENT


def test_a_field_added_without_the_digest_is_an_edit():
    content = json.loads(ENCODED) | {"energy_joules": 12.5}
    with pytest.raises(Unreadable, match="digest"):
        decode(json.dumps(content).encode(), Success)


@pytest.mark.parametrize("lost", ["test", "fingerprint", "provenance"])
def test_a_document_that_lacks_a_field_names_it(lost: str):
    content = json.loads(ENCODED)
    del content[lost]
    with pytest.raises(Unreadable, match=lost):
        decode(with_digest(content), Success)


@pytest.mark.parametrize("version", [SCHEMA + 1, 10**30])
def test_a_newer_schema_is_refused_by_name(version: int):
    content = json.loads(ENCODED) | {"schema_version": version}
    with pytest.raises(Unreadable, match=f"schema version {version} is newer than {SCHEMA}"):
        decode(with_digest(content), Success)


@pytest.mark.parametrize("version", [None, "99", [1]])
def test_a_document_without_a_schema_version_is_not_called_newer(version: object):
    content = json.loads(ENCODED) | {"schema_version": version}
    with pytest.raises(Unreadable, match="does not say its schema version"):
        decode(with_digest(content), Success)


def test_another_kind_of_document_is_refused():
    documents = {
        Success: DOCUMENT,
        Failure: failure(TASK),
        PodFailure: pod_failure(TASK),
        Progress: progress(TASK),
    }
    for kind in documents:
        for written, document in documents.items():
            if kind is not written:
                with pytest.raises(Unreadable):
                    decode(encode(document), kind)


def test_a_success_of_the_first_release_is_still_read():
    """These files are never written again: they stand for what is in people's stores."""
    document = decode((FIXTURES / "success-v1.json").read_bytes(), Success)
    assert (document.cell.id, document.fingerprint) == ("bert-l2-n800-s0", "3fe2e482f1b3e2a8")
    assert (document.validation.accuracy, document.test.accuracy) == (0.8, 0.76)
    assert document.test.confusion == [[38, 12], [12, 38]]
    assert [look.step for look in document.history] == list(range(36, 901, 36))
    assert document.provenance.finished_at.isoformat() == "2026-11-01T12:01:40+00:00"
    assert document.provenance.image is None


def test_a_failure_of_the_first_release_is_still_read():
    document = decode((FIXTURES / "failure-v1.json").read_bytes(), Failure)
    assert (document.cell.id, document.error, document.exit_code) == ("bert-l2-n800-s0", "non-finite-loss", 10)


def test_a_pod_failure_of_the_first_release_is_still_read():
    document = decode((FIXTURES / "pod-failure-v1.json").read_bytes(), PodFailure)
    assert (document.cell.id, document.error, document.exit_code) == ("bert-l2-n800-s0", "OOMKilled", 137)
    assert (document.retriable, document.ended_at.isoformat()) == (False, "2026-11-25T12:00:05+00:00")


def test_a_success_of_a_far_release_is_refused_by_name():
    """Its digest is right and its shape is not ours: only its version may be looked at."""
    with pytest.raises(Unreadable, match="schema version 99"):
        decode((FIXTURES / "success-v99.json").read_bytes(), Success)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"null", b"{}", b"\xff\xfe", b"<html>", b"[" * 100_000, b'{"a":' * 100_000]
)
def test_bytes_that_are_no_document(data: bytes):
    with pytest.raises(Unreadable):
        decode(data, Success)


@pytest.mark.parametrize("key", ["../secret", "attempts/../../secret", "/etc/passwd", "attempts//x", "a/./b", ""])
def test_an_artifact_outside_the_store_is_refused(key: str):
    """A reader of a folder would otherwise open whatever file of this machine a document names."""
    content = json.loads(ENCODED)
    content["artifacts"] = {"predictions.csv": {"key": key, "bytes": 1, "sha256": "0" * 64}}
    with pytest.raises(Unreadable, match="leads out of the store"):
        decode(with_digest(content), Success)
