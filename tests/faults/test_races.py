"""Fifty processes that publish under one key at the same moment, on a folder and on a real MinIO."""

from pathlib import Path

import pytest

from faults.attempts import PUBLISHER, prepare
from faults.races import Run, judged, race
from tests.cluster.minio import Minio

KEYS = 10


@pytest.fixture(autouse=True)
def _forks() -> None:
    prepare(PUBLISHER)


def test_on_a_folder(tmp_path: Path):
    found = race("a folder", str(tmp_path), {}, keys=KEYS)
    assert (found.keys, found.racers, found.without_one_winner, found.read_otherwise) == (KEYS, 50, [], [])


def test_on_minio(minio: Minio, bucket: str):
    found = race("MinIO", f"s3://{bucket}/race", minio.environment(), keys=KEYS)
    assert (found.keys, found.racers, found.without_one_winner, found.read_otherwise) == (KEYS, 50, [], [])


@pytest.mark.parametrize(
    ("runs", "winners_are_wrong", "readers_are_wrong"),
    [
        ([Run(True, "a", "a"), Run(False, "b", "a")], False, False),
        ([Run(True, "a", "a"), Run(True, "b", "a")], True, True),
        ([Run(False, "a", "a"), Run(False, "b", "a")], True, True),
        ([Run(True, "a", "a"), Run(False, "b", "b")], False, True),
        ([Run(True, "a", "a"), Run(False, "b", "")], False, True),
    ],
    ids=["well", "two-winners", "no-winner", "a-reader-of-its-own-bytes", "a-reader-of-nothing"],
)
def test_the_judge(runs: list[Run], winners_are_wrong: bool, readers_are_wrong: bool):
    found = judged("anywhere", {"k": runs})
    assert (bool(found.without_one_winner), bool(found.read_otherwise)) == (winners_are_wrong, readers_are_wrong)
