"""Stores that are odd on order: a real MinIO behind a front of the test's own."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler

import urllib3

from tests.cluster.minio import Minio
from tests.launcher.serving import serving

_OF_ONE_CONNECTION = {"connection", "content-length", "date", "expect", "server", "transfer-encoding"}


@dataclass(frozen=True)
class Message:
    """A request on its way to MinIO."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What the client is told; it hears the length of `body`, and reads `sent`."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    sent: bytes | None = None


Forward = Callable[[Message], Answer]
Front = Callable[[Message, Forward], Answer]


def refusal(status: int, code: str) -> Answer:
    """As S3 words one."""
    return Answer(status, body=f"<Error><Code>{code}</Code><Message>says the test</Message></Error>".encode())


@contextmanager
def front_of(minio: Minio, front: Front) -> Iterator[str]:
    """Its URL."""
    with urllib3.PoolManager() as pool, serving(_handler(minio, front, pool)) as place:
        yield f"http://{place}"


def ignoring_conditions(minio: Minio) -> Front:
    """A store that takes If-None-Match for an unknown header. The signature covers it, so the front signs anew."""

    def front(message: Message, forward: Forward) -> Answer:
        if "If-None-Match" not in message.headers:
            return forward(message)
        bucket, _, key = message.url.removeprefix(f"{minio.endpoint}/").partition("/")
        url = minio.client().generate_presigned_url("put_object", {"Bucket": bucket, "Key": key})
        return forward(replace(message, url=url, headers={}))

    return front


def first(count: int, odd: Front, *, method: str) -> Front:
    """`odd` to so many requests of a method; the rest goes through."""
    left, lock = iter(range(count)), threading.Lock()

    def front(message: Message, forward: Forward) -> Answer:
        with lock:
            is_odd = message.method == method and next(left, None) is not None
        return odd(message, forward) if is_odd else forward(message)

    return front


def flipped(data: bytes) -> bytes:
    """With one bit changed in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def _handler(minio: Minio, front: Front, pool: urllib3.PoolManager) -> type[BaseHTTPRequestHandler]:
    def forward(message: Message) -> Answer:
        answer = pool.request(
            message.method,
            message.url,
            body=message.body,
            headers=message.headers,
            decode_content=False,
            retries=False,
        )
        return Answer(answer.status, _passed_on(answer.headers), answer.data)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            message = Message(self.command, minio.endpoint + self.path, _passed_on(self.headers), body)
            self._answer(front(message, forward))

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 (the library's names)

        def _answer(self, answer: Answer) -> None:
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body if answer.sent is None else answer.sent)
            self.close_connection = answer.sent is not None

    return Handler


def _passed_on(headers: object) -> dict[str, str]:
    return {name: value for name, value in dict(headers).items() if name.lower() not in _OF_ONE_CONNECTION}
