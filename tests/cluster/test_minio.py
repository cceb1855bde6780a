"""MinIO does what the results store relies on."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from tests.cluster.minio import Minio


def test_conditional_put_has_one_winner(minio: Minio, bucket: str) -> None:
    store = minio.client()

    def put(racer: int) -> str:
        try:
            store.put_object(Bucket=bucket, Key="result.json", Body=str(racer).encode(), IfNoneMatch="*")
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "won"

    with ThreadPoolExecutor(20) as racers:
        answers = list(racers.map(put, range(20)))
    assert Counter(answers) == {"won": 1, "PreconditionFailed": 19}
    assert store.get_object(Bucket=bucket, Key="result.json")["Body"].read() == str(answers.index("won")).encode()


def test_bucket_is_empty_and_the_test_s_own(minio: Minio, bucket: str) -> None:
    assert minio.client().list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert minio.new_bucket() != bucket


def test_stranger_is_refused(minio: Minio, bucket: str) -> None:
    stranger = replace(minio, password="wrong").client()
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.list_objects_v2(Bucket=bucket)
