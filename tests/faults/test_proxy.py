"""What the proxy does to a request is what its fault is called, on a real MinIO and with the store's own client."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import boto3
import psutil
import pytest
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contract.exits import OK, OUT_OF_MEMORY
from contract.opening import open_store
from faults.attempts import Ended
from faults.kinds import KINDS
from faults.proxy import Aim, Exchange, Proxy, Spoil, Target, pass_on, proxy_of
from faults.scene import Scene
from faults.servers import Server, server_of
from tests.cluster.minio import Minio

KEY = "prefix/results/cell/1.json"
PUT, GET = Target("PUT", "results/"), Target("GET", "results/")
DATA = random.Random(0).randbytes(50_000)


@pytest.fixture(scope="module")
def server(minio: Minio) -> Server:
    return server_of(minio)


@contextmanager
def spoiled(server: Server, spoil: Spoil, aim: Aim) -> Iterator[tuple[Any, Proxy]]:
    """A client that asks once, behind a proxy that spoils what the aim says."""
    with proxy_of(server.minio.endpoint, aim, spoil) as proxy:
        config = Config(retries={"total_max_attempts": 1}, proxies={}, read_timeout=2)
        session = boto3.Session(server.minio.user, server.minio.password, region_name="us-east-1")
        yield session.client("s3", endpoint_url=proxy.endpoint, config=config), proxy


@contextmanager
def faulty(server: Server, kind: str, aim: Aim, program: psutil.Process | None = None) -> Iterator[tuple[Any, Scene]]:
    """The same with a fault of this kind, which has taken place or not when the block has ended."""
    (act,) = [each.act for each in KINDS if each.name == kind]
    scene = Scene(server, random.Random(0), race=lambda: None)
    if program is not None:
        scene.begins(program)
    with spoiled(server, partial(scene.play, act), aim) as (client, proxy):
        scene.proxy = proxy
        yield client, scene
        scene.close()


def put(client: Any, server: Server, **condition: str) -> Any:
    return client.put_object(Bucket=server.bucket, Key=KEY, Body=DATA, **condition)


def get(client: Any, server: Server) -> bytes:
    return client.get_object(Bucket=server.bucket, Key=KEY)["Body"].read()


@pytest.fixture(autouse=True)
def stored(server: Server) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The versions of the key, which the bucket does not have before and after."""

    def versions() -> list[dict[str, Any]]:
        return server.versions(KEY)

    yield versions
    for found in versions():
        server.client.delete_object(Bucket=server.bucket, Key=KEY, VersionId=found["VersionId"])


def test_only_the_requests_that_were_aimed_at_meet_the_fault(server: Server):
    with faulty(server, "500 InternalError", Aim(GET, nth=1, times=2)) as (client, scene):
        put(client, server)
        assert get(client, server) == DATA
        for _ in range(2):
            with pytest.raises(ClientError, match="InternalError"):
                get(client, server)
        assert get(client, server) == DATA
    assert (scene.faults, scene.proxy.requests) == (2, [PUT, GET, GET, GET, GET])


@pytest.mark.parametrize(
    ("kind", "error", "is_stored"),
    [
        ("connection refused", BotoCoreError, False),
        ("reset during PUT", BotoCoreError, False),
        ("stalled", BotoCoreError, False),
        ("409 ConditionalRequestConflict", ClientError, False),
        ("wrong clock", ClientError, False),
        ("bit flipped in a PUT", ClientError, False),
        ("response lost after the PUT was executed", BotoCoreError, True),
        ("PUT executed late, after the connection ended", BotoCoreError, True),
    ],
)
def test_a_spoiled_put(
    server: Server, stored: Callable[[], list[dict[str, Any]]], kind: str, error: type[Exception], is_stored: bool
):
    with faulty(server, kind, Aim(PUT, nth=0)) as (client, scene), pytest.raises(error):
        put(client, server)
    assert scene.faults == 1
    assert len(stored()) == is_stored


@pytest.mark.parametrize("kind", ["reset during GET", "body cut short", "bit flipped in a GET"])
def test_a_spoiled_get_is_never_taken_for_whole(server: Server, kind: str):
    put(server.client, server)
    with faulty(server, kind, Aim(GET, nth=0)) as (client, scene):
        with pytest.raises(BotoCoreError):
            get(client, server)
        assert get(client, server) == DATA
    assert scene.faults == 1


def test_an_answer_that_breaks_off_in_its_body_is_asked_for_again(server: Server, monkeypatch: pytest.MonkeyPatch):
    """An answer that says no has its body read by botocore itself, which lets the error of its HTTP library through."""
    with faulty(server, "reset during GET", Aim(GET, nth=0)) as (_, scene):
        for name, value in {**server.minio.environment(), "AWS_ENDPOINT_URL_S3": scene.proxy.endpoint}.items():
            monkeypatch.setenv(name, value)
        assert open_store(f"s3://{server.bucket}/prefix", tries=1).get("results/cell/absent.json") is None
        assert scene.proxy.requests == [GET, GET]


def test_the_wrong_clock_is_what_the_store_complains_of(server: Server):
    with (
        faulty(server, "wrong clock", Aim(PUT, nth=0)) as (client, _),
        pytest.raises(ClientError, match="RequestTimeTooSkewed"),
    ):
        put(client, server)


def test_an_error_in_a_fault_is_not_taken_for_the_fault(server: Server):
    def mistaken(_: Exchange) -> None:
        raise KeyError("a mistake in the campaign")

    def meet() -> None:
        with spoiled(server, mistaken, Aim(PUT, nth=0)) as (client, _), suppress(BotoCoreError):
            put(client, server)

    with pytest.raises(KeyError, match="a mistake in the campaign"):
        meet()


@pytest.mark.parametrize("kind", ["SIGTERM", "SIGKILL", "out of memory", "local disk full"])
def test_a_fault_that_comes_after_the_end_of_its_process_does_not_count(server: Server, kind: str):
    gone = psutil.Popen(["true"])
    gone.wait()
    with faulty(server, kind, Aim(PUT, nth=0), gone) as (client, scene), suppress(BotoCoreError):
        put(client, server)
    assert (scene.proxy.requests, scene.faults) == ([PUT], 0)


def test_a_scene_ends_after_what_is_under_way(server: Server):
    """A disk that is still being filled when its attempt has ended must be freed before the next one."""
    scene = Scene(server, random.Random(0), race=lambda: None)
    begun = threading.Event()
    done: list[str] = []

    def slow(scene: Scene, exchange: Exchange) -> bool:
        begun.set()
        time.sleep(0.5)
        scene.later(0.1, lambda: done.append("freed"))
        pass_on(exchange)
        return True

    with proxy_of(server.minio.endpoint, Aim(PUT, nth=0), partial(scene.play, slow)) as proxy:
        client = threading.Thread(target=lambda: urllib3.request("PUT", f"{proxy.endpoint}/{KEY}", retries=False))
        client.start()
        begun.wait()
        scene.close()
        assert done == ["freed"]
    client.join()


@pytest.mark.parametrize(
    ("kind", "ended", "shows"),
    [
        ("out of memory", Ended(OK.number, "cell-starts\npublished", 1.0), False),
        ("out of memory", Ended(OK.number, 'progress-not-written reason="can\'t start new thread"', 1.0), True),
        ("out of memory", Ended(OUT_OF_MEMORY.number, "", 1.0), True),
        ("local disk full", Ended(OK.number, "cell-starts\npublished", 1.0), False),
        ("SIGTERM", Ended(OK.number, "cell-starts\npublished", 1.0), True),
    ],
)
def test_a_limit_counts_where_it_was_felt(kind: str, ended: Ended, shows: bool):
    assert next(each for each in KINDS if each.name == kind).shows(ended) is shows


def test_a_second_version_would_show(server: Server, stored: Callable[[], list[dict[str, Any]]]):
    put(server.client, server)
    put(server.client, server)
    assert len(stored()) == 2
