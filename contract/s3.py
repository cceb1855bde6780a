"""A bucket as the results store: whatever speaks S3 and honours conditional writes.

Endpoint, region, credentials and CA are boto3's standard settings: `AWS_ENDPOINT_URL`, `AWS_DEFAULT_REGION`,
`AWS_PROFILE`, ...
"""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from contract.exits import BAD_INPUT, BadInput, StoreFailed
from contract.store import Entry

_CONNECTIONS = 64
"""One GET of a small object costs its latency: 64 at a time are 20 times as many a second as one."""
_CONNECT_SECONDS, _READ_SECONDS = 5, 60
TRIES = 6
"""Of a request, in about half a minute."""
_CONFLICTS = 8
_HELD = {"PreconditionFailed", "412"}
_ABSENT = {"NoSuchKey", "404"}
_CONFLICT = {"ConditionalRequestConflict", "OperationAborted", "409"}

_REMEDIES = {
    "AccessDenied": "these credentials need s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject there",
    "InvalidAccessKeyId": "check AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "check AWS_SECRET_ACCESS_KEY",
    "ExpiredToken": "renew the credentials",
    "RequestTimeTooSkewed": "set the clock of this machine",
    "AuthorizationHeaderMalformed": "set AWS_DEFAULT_REGION to the bucket's region",
    "PermanentRedirect": "set AWS_DEFAULT_REGION to the bucket's region",
    "NoRegionError": "set AWS_DEFAULT_REGION",
    "NoCredentialsError": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "PartialCredentialsError": "set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "ProfileNotFound": "check AWS_PROFILE",
    "EndpointConnectionError": "check AWS_ENDPOINT_URL and the network",
    "ConnectTimeoutError": "check AWS_ENDPOINT_URL and the network",
    "SSLError": "give the store's CA with AWS_CA_BUNDLE",
    "InvalidBucketName": "bucket names have 3 to 63 lower-case letters, digits, dots and hyphens",
    "ParamValidationError": "bucket names have 3 to 63 lower-case letters, digits, dots and hyphens",
}
"""Mistakes of a set-up by the error's code or class, and the way out of each."""


class NoBucket(StoreFailed, BadInput):
    """The bucket is not there, whatever is asked of it: for whoever writes a failure, for the user a mistake."""

    exit_code = BAD_INPUT


@dataclass(frozen=True)
class S3Place:
    """Where the objects of a store are, for another client."""

    bucket: str
    prefix: str
    """Ends with a slash, or is empty."""
    endpoint: str
    region: str
    bucket_in_host: bool
    """Whether the endpoint wants it in the host's name (`addressing_style = virtual`), not in the path."""


class S3Store:
    """Objects under `s3://bucket/prefix/`. Safe to use from several threads."""

    def __init__(self, bucket: str, prefix: str, tries: int = TRIES) -> None:
        self.uri = f"s3://{bucket}/{prefix}".rstrip("/")
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._client = self._connect(tries)

    @property
    def place(self) -> S3Place:
        """As boto3 found it in its settings."""
        meta = self._client.meta
        style = (meta.config.s3 or {}).get("addressing_style")
        return S3Place(self._bucket, self._prefix, meta.endpoint_url, meta.region_name, style == "virtual")

    def check_writable(self) -> None:
        """Raises BadInput when nothing can be written here, or when a conditional write is not honoured."""
        key = f".probe-{uuid4().hex}"
        with self._as_bad_input():
            once, again = self.publish(key, b"probe"), self.publish(key, b"probe again")
            self.delete(key)
        if not once or again:
            raise BadInput(
                f"RESULTS_URI={self.uri} ignores If-None-Match: two attempts could overwrite each other's result; "
                "use a store with conditional writes"
            )

    def publish(self, key: str, data: bytes) -> bool:
        """Write once; False when somebody was first."""
        for attempt in range(_CONFLICTS):
            answer = self._put_if_absent(key, data)
            if answer is not None:
                # An answer that was lost and asked for again reads like a lost race; the bytes tell.
                return answer or self.get(key) == data
            time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311
        raise StoreFailed(f"cannot write {self.uri}/{key}: {_CONFLICTS} times somebody else was writing it")

    def put(self, key: str, data: bytes) -> None:
        """Write over what was there."""
        with self._translated("write", key):
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + key, Body=data)

    def get(self, key: str) -> bytes | None:
        """The bytes, or None."""
        from botocore.exceptions import ClientError

        with self._translated("read", key):
            try:
                body = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)["Body"]
                return bytes(body.read())
            except ClientError as error:
                if _code(error) in _ABSENT:
                    return None
                raise

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, sorted, a thousand to a request."""
        return (found["Key"].removeprefix(self._prefix) for found in self._listed(prefix))

    def entries(self, prefix: str) -> Iterator[Entry]:
        """The same keys with size and time, which a listing brings along."""
        for found in self._listed(prefix):
            modified_at = datetime.fromisoformat(found["LastModified"])
            yield Entry(found["Key"].removeprefix(self._prefix), found["Size"], modified_at, found["ETag"])

    def delete(self, key: str) -> None:
        """Remove it, if it is there."""
        with self._translated("delete", key):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def _listed(self, prefix: str) -> Iterator[dict[str, Any]]:
        with self._translated("list", prefix):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                yield from page.get("Contents", [])

    def _put_if_absent(self, key: str, data: bytes) -> bool | None:
        """None when another writer was in the middle of it: S3 says 409 and wants the request again."""
        from botocore.exceptions import ClientError

        with self._translated("write", key):
            try:
                self._client.put_object(Bucket=self._bucket, Key=self._prefix + key, Body=data, IfNoneMatch="*")
            except ClientError as error:
                if _code(error) in _HELD:
                    return False
                if _code(error) in _CONFLICT:
                    return None
                raise
        return True

    def _connect(self, tries: int) -> Any:
        import boto3
        import botocore.session
        from botocore.config import Config

        session = botocore.session.get_session()
        # As the AWS CLI does it: botocore's own reading of each key's date takes most of a listing's time.
        session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            max_pool_connections=_CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": tries},
        )
        with self._as_bad_input(), self._translated("reach", ""):
            return boto3.Session(botocore_session=session).client("s3", config=config)

    @contextmanager
    def _translated(self, verb: str, key: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            if _code(error) == "NoSuchBucket":
                raise NoBucket(f"{self.uri}: no such bucket; make it first") from error
            where = f"{self.uri}/{key}" if key else self.uri
            raise StoreFailed(f"cannot {verb} {where}: {_reason(error)}") from error

    @contextmanager
    def _as_bad_input(self) -> Iterator[None]:
        """A mistake of the set-up, met before any work began, is the user's to mend."""
        try:
            yield
        except StoreFailed as error:
            if (cause := error.__cause__) is None or _code(cause) not in _REMEDIES:
                raise
            raise BadInput(f"RESULTS_URI={self.uri}: {_reason(cause)}") from error


def _code(error: BaseException | None) -> str:
    """`NoSuchBucket` of an answer, `EndpointConnectionError` of a request that had none."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(error).__name__)


def _reason(error: BaseException) -> str:
    code = _code(error)
    remedy = f"; {_REMEDIES[code]}" if code in _REMEDIES else ""
    return f"{' '.join(str(error).split())}{remedy}"
