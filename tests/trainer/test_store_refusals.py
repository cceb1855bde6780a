"""A store that cannot take the result is refused in one line, with exit code 2, before anything is loaded."""

import pytest

from contract.opening import open_store
from tests.cluster.minio import Minio
from tests.contract.fronts import front_of, ignoring_conditions, refusal
from tests.trainer.program import result_of, run


@pytest.fixture
def uri(minio: Minio, bucket: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of a place in a bucket that every program finds."""
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    return f"s3://{bucket}/study"


def refused(uri: str, *words: str, **environment: str) -> None:
    done = run(uri, **environment)
    assert (done.returncode, done.stdout) == (2, ""), done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    for word in ("trainer: error: RESULTS_URI=", *words):
        assert word in line


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("s3:/bucket/study", "neither a folder nor"),
        ("gs://bucket/study", "neither a folder nor"),
        ("s3://no-such-bucket-here/study", "make it first"),
    ],
)
def test_a_place_that_is_none(minio: Minio, uri: str, words: str):
    refused(uri, words, **minio.environment())


def test_a_bucket_that_may_only_be_read(minio: Minio, uri: str):
    refused(uri, "AccessDenied", "s3:PutObject", **minio.of_somebody_with("s3:GetObject", "s3:ListBucket"))


def test_an_identity_without_a_token(uri: str, monkeypatch: pytest.MonkeyPatch):
    """Of which boto3 also warns, with a traceback."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    role = {"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/trainer", "AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent"}
    refused(uri, "/nonexistent", "check AWS_WEB_IDENTITY_TOKEN_FILE", **role)


def test_credentials_that_have_expired(minio: Minio, uri: str):
    with front_of(minio, lambda *_: refusal(400, "ExpiredToken")) as url:
        refused(uri, "renew the credentials", AWS_ENDPOINT_URL_S3=url)


def test_a_store_without_conditional_writes_is_used_by_whoever_says_so(minio: Minio, uri: str):
    with front_of(minio, ignoring_conditions(minio)) as url:
        refused(uri, "ignores If-None-Match", "RESULTS_UNSAFE=1", AWS_ENDPOINT_URL_S3=url)
        done = run(uri, RESULTS_UNSAFE="1", AWS_ENDPOINT_URL_S3=url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert result_of(open_store(uri)).unsafe_store
