"""Checkpoints in every kind of store."""

from pathlib import Path

import pytest

from contract.opening import open_store
from contract.store import Store
from tests.cluster.minio import Minio
from tests.trainer.checkpoint_suite import CheckpointSuite


class TestInAFolder(CheckpointSuite):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return open_store(str(tmp_path))


class TestInABucket(CheckpointSuite):
    @pytest.fixture
    def store(self, minio: Minio, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Store:
        for name, value in minio.environment().items():
            monkeypatch.setenv(name, value)
        return open_store(f"s3://{bucket}/study")
