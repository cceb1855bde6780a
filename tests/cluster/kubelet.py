"""The log server of a node's kubelet, because kwok's never ends a log that is followed."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import trustme

from tests.cluster.cluster import Cluster
from tests.cluster.processes import LOOPBACK

_LOOK_SECONDS = 0.05

Ended = Callable[[str, str], bool]
"""Whether the pod of this namespace and name runs no more."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing it waits for whoever follows a log


@contextmanager
def served_logs(cluster: Cluster, node: str, folder: Path) -> Iterator[None]:
    """The log of each pod on the node is the file of its name in `folder`; a test writes it and appends to it."""
    over = threading.Event()
    server = _Server((LOOPBACK, 0), _handler(folder, lambda *pod: over.is_set() or _has_ended(cluster, *pod)))
    server.socket = _any_certificate().wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(_LOOK_SECONDS,))
    thread.start()
    address = {
        "addresses": [{"type": "InternalIP", "address": LOOPBACK}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": server.server_port}},
    }
    cluster.core.patch_node_status(node, {"status": address})
    try:
        yield
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _any_certificate() -> ssl.SSLContext:
    """The API server takes any, as under kubeadm, which names it no authority for kubelets."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert(LOOPBACK).configure_cert(context)
    return context


def _has_ended(cluster: Cluster, namespace: str, pod: str) -> bool:
    found = cluster.core.list_namespaced_pod(namespace, field_selector=f"metadata.name={pod}").items
    return not any(each.status.phase == "Running" for each in found)


def _handler(folder: Path, ended: Ended) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """/containerLogs/NAMESPACE/POD/CONTAINER?follow=true, and the API server passes the answer on."""
            where = urlsplit(self.path)
            namespace, pod = where.path.split("/")[2:4]
            log = folder / pod
            if not log.exists():
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            self.send_response(HTTPStatus.OK)
            self.end_headers()
            follow = parse_qs(where.query).get("follow") == ["true"]
            for chunk in _follow(log, lambda: ended(namespace, pod)) if follow else [log.read_bytes()]:
                self.wfile.write(chunk)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    return Handler


def _follow(log: Path, ended: Callable[[], bool]) -> Iterator[bytes]:
    with log.open("rb") as stream:
        at_end = False
        while not at_end:
            at_end = ended()  # asked first: what was written until then is read
            yield stream.read()
            time.sleep(_LOOK_SECONDS)
