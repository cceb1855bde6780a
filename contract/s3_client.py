"""boto3's client as the store wants it: its timeouts, how often and how slowly it asks again, how large files go.

Why requests are repeated as they are: docs/decisions/0016-object-store.md.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

_CONNECTIONS = 64
"""One GET of a small object costs its latency: 64 at a time are 20 times as many a second as one."""
_CONNECT_SECONDS, _READ_SECONDS = 5, 30
TRIES = 10
"""Of a request. Their pauses outlast a restart of the store; with every timeout a request ends within seven minutes."""
PART_BYTES = 16 * 2**20
"""What is larger goes in parts, each of which is repeated by itself."""
_SPOILT = {"BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"}
"""The store's words for bytes that did not arrive as they were sent."""


def connect(tries: int) -> Any:
    """A client of boto3, which reads its settings itself."""
    import boto3
    import botocore.session
    from botocore.config import Config

    # What it warns of, with a traceback and on stderr, is the cause of an error that says it in a line.
    logging.getLogger("botocore.credentials").setLevel(logging.ERROR)
    session = botocore.session.get_session()
    # As the AWS CLI does it: botocore's own reading of each key's date takes most of a listing's time.
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=_CONNECTIONS,
        retries={"mode": "adaptive", "total_max_attempts": tries},
        response_checksum_validation="when_required",  # ours is of all parts together, and of any store
    )
    client = boto3.Session(botocore_session=session).client("s3", config=config)
    client.meta.events.register("needs-retry.s3", _pause_if_spoilt(tries))
    return client


def in_parts() -> Any:
    """How boto3 transfers a file: one part after another."""
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, use_threads=False)


def _pause_if_spoilt(tries: int) -> Callable[..., float | None]:
    """What botocore asks after each answer: seconds until the request is repeated, None to leave it at that."""

    def seconds_before_next(response: tuple[Any, Mapping[str, Any]] | None, attempts: int, **_: Any) -> float | None:
        code = response[1].get("Error", {}).get("Code") if response else None
        return _seconds(attempts) if code in _SPOILT and attempts < tries else None

    return seconds_before_next


def pause(attempt: int) -> None:
    """Before a request is made once more by us."""
    time.sleep(_seconds(attempt))


def _seconds(attempt: int) -> float:
    """Drawn from a range that doubles with each attempt, so that racers come apart."""
    return random.uniform(0, 0.05 * 2**attempt)  # noqa: S311
