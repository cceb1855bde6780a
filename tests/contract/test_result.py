"""Documents: whole or refused."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.result import SCHEMA, Failure, Progress, Success, Unreadable, decode, encode
from tests.factories import failure, progress, success, task

FIXTURES = Path(__file__).parent / "fixtures"
TASK = task()
ENCODED = encode(success(TASK))


@given(st.floats(0, 1), st.floats(0, 1))
def test_what_is_written_is_read(validation: float, test: float):
    document = success(TASK, validation=validation, test=test)
    assert decode(encode(document), Success) == document


def test_failures_and_progress_too():
    for document, kind in ((failure(TASK), Failure), (progress(TASK), Progress)):
        assert decode(encode(document), kind) == document


@given(st.integers(0, len(ENCODED) - 1))
def test_a_cut_document_is_refused(length: int):
    with pytest.raises(Unreadable):
        decode(ENCODED[:length], Success)


@given(st.integers(0, len(ENCODED) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_changes_nothing(position: int, flip: int):
    """White space between tokens is the only thing that may differ."""
    damaged = ENCODED[:position] + bytes([ENCODED[position] ^ flip]) + ENCODED[position + 1 :]
    with contextlib.suppress(Unreadable):
        assert decode(damaged, Success) == decode(ENCODED, Success)


def test_a_better_accuracy_written_in_by_hand_is_refused():
    content = json.loads(ENCODED)
    content["test"]["accuracy"] = 0.99
    with pytest.raises(Unreadable, match="edited"):
        decode(json.dumps(content).encode(), Success)


def test_a_newer_schema_is_refused_by_name():
    content = json.loads(ENCODED) | {"schema_version": SCHEMA + 1}
    with pytest.raises(Unreadable, match=f"schema version {SCHEMA + 1} is newer than {SCHEMA}"):
        decode(json.dumps(content).encode(), Success)


def test_another_kind_of_document_is_refused():
    with pytest.raises(Unreadable):
        decode(encode(failure(TASK)), Success)


@pytest.mark.parametrize(("name", "kind"), [("success-v1.json", Success), ("failure-v1.json", Failure)])
def test_documents_of_the_first_release_are_still_read(name: str, kind):
    """These files are never written again: they stand for what is in people's stores."""
    document = decode((FIXTURES / name).read_bytes(), kind)
    assert document.schema_version == 1
    assert document.cell.id == "bert-l2-n800-s0"


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{}", b"\xff\xfe", b"<html>"])
def test_bytes_that_are_no_document(data: bytes):
    with pytest.raises(Unreadable):
        decode(data, Success)
