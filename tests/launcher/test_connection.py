"""Why a request did not arrive, in the words of real failures."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import trustme
import urllib3

from launcher.servers.connection import in_words


@contextmanager
def listening(backlog: int = 8) -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(backlog)
        yield server


@contextmanager
def deaf() -> Iterator[str]:
    """Its queue is full: it answers to nothing, as a host behind a firewall."""
    with listening(0) as server, ExitStack() as clients:
        for _ in range(4):
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield "http://{}:{}".format(*server.getsockname())


@contextmanager
def one_client(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a server that is over when its one client is."""
    with listening() as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        yield "{}:{}".format(*server.getsockname())
        thread.join(timeout=5)


@contextmanager
def hanging_up() -> Iterator[str]:
    def serve(server: socket.socket) -> None:
        with server.accept()[0] as client:
            client.recv(10_000)

    with one_client(serve) as address:
        yield f"http://{address}"


@contextmanager
def untrusted() -> Iterator[str]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    def serve(server: socket.socket) -> None:
        with server.accept()[0] as client, pytest.raises(ssl.SSLError):
            context.wrap_socket(client, server_side=True)

    with one_client(serve) as address:
        yield f"https://{address}"


@contextmanager
def absent() -> Iterator[str]:
    with listening() as server:
        address = server.getsockname()
    yield "http://{}:{}".format(*address)


@contextmanager
def nameless() -> Iterator[str]:
    yield "http://nosuch.invalid"


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (absent, "Failed to establish a new connection: [Errno 111] Connection refused"),
        (nameless, "Failed to resolve 'nosuch.invalid'"),
        (deaf, "Connection to 127.0.0.1 timed out."),
        (hanging_up, "Remote end closed connection without response"),
        (untrusted, "certificate verify failed"),
    ],
)
def test_a_failure_is_told_without_the_object_it_happened_to(server, words: str):
    seconds = 0.3 if server is deaf else 30
    with server() as url, urllib3.PoolManager(retries=False, timeout=seconds) as pool:
        with pytest.raises(urllib3.exceptions.HTTPError) as caught:
            pool.request("GET", url)
        told = in_words(caught.value)
    assert words in told
    assert "0x" not in told
    assert "Connection(" not in told
