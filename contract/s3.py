"""A bucket as the results store: whatever speaks S3 and honours conditional writes.

Endpoint, region, credentials and CA are boto3's standard settings: `AWS_ENDPOINT_URL`, `AWS_DEFAULT_REGION`,
`AWS_PROFILE`, `AWS_ROLE_ARN` with `AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_CA_BUNDLE`, ... How often a request is repeated:
contract/s3_client.py.
"""

import base64
import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from contract.digest import file_digest
from contract.exits import BadInput, StoreFailed
from contract.s3_client import PART_BYTES, TRIES, connect, in_parts, pause
from contract.s3_errors import CONDITIONAL_WRITES, Misconfigured, code_of, is_mistake, reason
from contract.store import Entry

_READS = 5
"""Of what was cut or changed on its way, which botocore does not ask for again."""
_CONFLICTS = 8

_HELD = {"PreconditionFailed", "412"}
_ABSENT = {"NoSuchKey", "404"}
_CONFLICT = {"ConditionalRequestConflict", "OperationAborted", "409"}
_SHA256 = "sha256"
_MD5 = re.compile(r"[0-9a-f]{32}")


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
    """Objects under `s3://bucket/prefix/`. Safe to use from several threads.

    With `unsafe` it does without conditional writes: of two attempts that publish in the same moment both may believe
    to be the first, and the later one stays.
    """

    def __init__(
        self, bucket: str, prefix: str, tries: int = TRIES, *, unsafe: bool = False, setting: str = "RESULTS_URI"
    ) -> None:
        self.uri = f"s3://{bucket}/{prefix}".rstrip("/")
        self.unsafe = unsafe
        self._setting = setting
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._has_answered = False
        self._client = self._connected(tries)

    @property
    def place(self) -> S3Place:
        """As boto3 found it in its settings."""
        meta = self._client.meta
        style = (meta.config.s3 or {}).get("addressing_style")
        return S3Place(self._bucket, self._prefix, meta.endpoint_url, meta.region_name, style == "virtual")

    def check_writable(self) -> None:
        """Raises BadInput when nothing can be written here, or when a conditional write is not honoured."""
        key = f".probe-{uuid4().hex}"
        with self._before_any_work():
            once, again = self.publish(key, b"probe"), self.publish(key, b"probe again")
            self.delete(key)
        if not once or again:
            raise BadInput(
                f"{self._setting}={self.uri} ignores If-None-Match: two attempts could overwrite each other's result; "
                f"{CONDITIONAL_WRITES}"
            )

    def publish(self, key: str, data: bytes) -> bool:
        """Write once; False when somebody was first."""
        if self.unsafe:
            return self._publish_unsafely(key, data)
        for attempt in range(_CONFLICTS):
            answer = self._put_if_absent(key, data)
            if answer is not None:
                # An answer that was lost and asked for again reads like a lost race; the bytes tell.
                return answer or self.get(key) == data
            pause(attempt)
        raise StoreFailed(f"cannot write {self.uri}/{key}: {_CONFLICTS} times somebody else was writing it")

    def put(self, key: str, data: bytes) -> None:
        """Write over what was there."""
        with self._translated("write", key):
            if len(data) > PART_BYTES:
                self._put_in_parts(key, io.BytesIO(data), _sha256(data).hex())
            else:
                self._put_whole(key, data)

    def upload(self, key: str, path: Path) -> None:
        """The same with a file's content. Raises OSError when it cannot be read."""
        sha256 = file_digest(path)
        with path.open("rb") as stream, self._translated("write", key):
            self._put_in_parts(key, stream, sha256)

    def download(self, key: str, path: Path) -> bool:
        """Into a file, one part after another."""
        from boto3.exceptions import RetriesExceededError
        from botocore.exceptions import ClientError

        with self._translated("read", key):
            try:
                self._client.download_file(self._bucket, self._prefix + key, str(path), Config=in_parts())
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    return False
                raise
            except RetriesExceededError as error:
                raise error.last_exception from error
        return True

    def get(self, key: str) -> bytes | None:
        """The bytes as they are stored, or None.

        What was cut, or is not what its sha256 or ETag says, is read again. Where the same bytes come twice they were
        not changed on their way: the digests in documents and manifests tell, as they do for a folder.
        """
        before: bytes | None = None
        with self._translated("read", key):
            for attempt in range(_READS):
                with suppress(*_broken_off()):
                    answer = self._ask_for(key)
                    if answer is None:
                        return None
                    data, is_whole = answer
                    if is_whole or data == before:
                        return data
                    before = data
                pause(attempt)
        raise StoreFailed(f"cannot read {self.uri}/{key}: {_READS} times its bytes were cut or changed on their way")

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
            self._client.delete_object(**self._at(key))

    def _listed(self, prefix: str) -> Iterator[dict[str, Any]]:
        with self._translated("list", prefix):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                yield from page.get("Contents", [])

    def _ask_for(self, key: str) -> tuple[bytes, bool] | None:
        """The bytes, and whether they are what the store says of them."""
        from botocore.exceptions import ClientError, ReadTimeoutError, ResponseStreamingError

        try:
            answer = self._client.get_object(**self._at(key))
        except ClientError as error:
            if code_of(error) in _ABSENT:
                return None
            raise
        try:
            data = bytes(answer["Body"].read())
        except ReadTimeoutError as error:  # its name is also that of the last of botocore's own tries
            raise ResponseStreamingError(error=error) from error
        return data, _is_whole(data, answer)

    def _put_if_absent(self, key: str, data: bytes) -> bool | None:
        """None when another writer was in the middle of it: S3 says 409 and wants the request again."""
        from botocore.exceptions import ClientError

        with self._translated("write", key):
            try:
                self._put_whole(key, data, IfNoneMatch="*")
            except ClientError as error:
                if code_of(error) in _HELD:
                    return False
                if code_of(error) in _CONFLICT:
                    return None
                raise
        return True

    def _publish_unsafely(self, key: str, data: bytes) -> bool:
        held = self.get(key)
        if held is None:
            self.put(key, data)
        return held in (None, data)

    def _put_whole(self, key: str, data: bytes, **condition: str) -> None:
        """The store itself refuses bytes that are not those of the sha256."""
        sha256 = _sha256(data)
        self._client.put_object(
            **self._at(key),
            Body=data,
            ChecksumSHA256=base64.b64encode(sha256).decode(),
            Metadata={_SHA256: sha256.hex()},
            **condition,
        )

    def _put_in_parts(self, key: str, stream: BinaryIO, sha256: str) -> None:
        from botocore.exceptions import ClientError

        metadata = {_SHA256: sha256}
        try:
            self._client.upload_fileobj(
                stream,
                **self._at(key),
                ExtraArgs={"ChecksumAlgorithm": "SHA256", "Metadata": metadata},
                Config=in_parts(),
            )
        except ClientError as error:
            # Where the answer to its completion was lost, the upload is no more when it is completed again.
            if code_of(error) != "NoSuchUpload" or self._client.head_object(**self._at(key))["Metadata"] != metadata:
                raise

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    @contextmanager
    def _translated(self, verb: str, key: str) -> Iterator[None]:
        """Until the store has answered once a mistake of the set-up is the user's; afterwards the store has changed."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError, OSError, *_broken_off()) as error:
            if code_of(error) == "NoSuchBucket" or (is_mistake(error) and not self._has_answered):
                raise self._misconfigured(error) from error
            where = f"{self.uri}/{key}" if key else self.uri
            raise StoreFailed(f"cannot {verb} {where}: {reason(error)}") from error
        self._has_answered = True

    @contextmanager
    def _before_any_work(self) -> Iterator[None]:
        """Then every mistake is the user's: a right to read is none to write."""
        try:
            yield
        except StoreFailed as error:
            if error.__cause__ is None or not is_mistake(error.__cause__):
                raise
            raise self._misconfigured(error.__cause__) from error.__cause__

    def _connected(self, tries: int) -> Any:
        from botocore.exceptions import BotoCoreError

        try:
            return connect(tries)
        except (BotoCoreError, OSError, ValueError) as error:  # a setting that boto3 cannot read, a program not there
            raise self._misconfigured(error) from error

    def _misconfigured(self, error: BaseException) -> Misconfigured:
        return Misconfigured(f"{self._setting}={self.uri}: {reason(error)}")


def _broken_off() -> tuple[type[Exception], ...]:
    """Of an answer that was cut in its body; the last one botocore lets through where that body says no."""
    from botocore.exceptions import IncompleteReadError, ResponseStreamingError
    from urllib3.exceptions import HTTPError

    return IncompleteReadError, ResponseStreamingError, HTTPError


def _is_whole(data: bytes, answer: Mapping[str, Any]) -> bool:
    """By the sha256 with which it was stored; by its ETag, mostly an MD5, where somebody else stored it."""
    if stated := answer["Metadata"].get(_SHA256):
        return bool(stated == _sha256(data).hex())
    etag = answer["ETag"].strip('"')
    return _MD5.fullmatch(etag) is None or etag == hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
