"""Identities of corpora and weights."""

from pathlib import Path

import pytest

from contract.exits import BadInput
from contract.revision import resolve, verify
from contract.task import Task
from tests.factories import task


def folders(path: Path) -> Task:
    """A task on a corpus folder and a weights folder."""
    (path / "w" / "bert").mkdir(parents=True)
    (path / "w" / "bert" / "model.safetensors").write_bytes(b"weights")
    (path / "w" / "bert" / "config.json").write_text("{}")
    (path / "c").mkdir()
    for name in ("train.tsv", "test.tsv", "labels.txt"):
        (path / "c" / name).write_text(name)
    return Task.model_validate(
        {
            "cell": {"model": "bert", "labels": 2, "samples": 80},
            "data": {"source": str(path / "c")},
            "model": {"weights": str(path / "w")},
            "results": {"uri": "x"},
        }
    )


def test_a_folder_is_known_by_its_content_and_not_by_its_place(tmp_path: Path):
    (one,), (other,) = resolve([folders(tmp_path / "a")]), resolve([folders(tmp_path / "b")])
    assert one.fingerprint() == other.fingerprint()


@pytest.mark.parametrize("changed", ["c/train.tsv", "c/test.tsv", "w/bert/model.safetensors", "w/bert/config.json"])
def test_a_changed_file_is_another_identity_and_is_noticed_later(tmp_path: Path, changed: str):
    asked = folders(tmp_path)
    (before,) = resolve([asked])
    verify(before)
    (tmp_path / changed).write_text("changed")
    (after,) = resolve([asked])
    assert after.fingerprint() != before.fingerprint()
    with pytest.raises(BadInput, match="changed after the grid was planned"):
        verify(before)


def test_what_is_declared_is_kept():
    declared = task(data={"source": "/not/here", "revision": "sha256:1"}, model={"weights": "hub", "revision": "m"})
    assert (declared.data.revision, declared.model.revision) == ("sha256:1", "m")


def test_the_hub_is_known_by_its_commits():
    fields = task(data={"source": "hub"}, model={"weights": "hub"}).fingerprint_fields()
    assert fields["data.revision"].startswith("hub:google-research-datasets/go_emotions@")
    assert fields["model.revision"].startswith("hub:google-bert/bert-base-uncased@")
