"""The way to the API server: requests, and when they are sent again.

The only file that imports kubernetes. Foreign errors end here.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import unquote, urlencode

from contract.exits import ProgramError
from launcher.command_line.settings import ClusterSettings
from launcher.jobs.content import Content
from launcher.servers.answers import Call, ClusterFailed, NoCluster, Refusal, as_error, read_object, read_refusal
from launcher.servers.connection import first_cause, in_words, proxy_for, proxy_headers, without_credentials
from launcher.servers.pace import OUTAGE_SECONDS, TRIES, Throttle, delay_seconds

METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
"""A form of the answer that leaves spec and status out, where the server knows it."""
_JSON = "application/json"
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 60.0
_TRIES_AT_FIRST = 2
"""Until the server has answered once: a wrong address should not take half a minute to tell."""

Verb = Literal["create", "get", "list", "delete"]
_METHODS: dict[Verb, str] = {"create": "POST", "get": "GET", "list": "GET", "delete": "DELETE"}


@dataclass(frozen=True)
class Request:
    """`path` is that of the URL, each part of it quoted."""

    verb: Verb
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Content | None = None
    form: str = _JSON
    """In which the answer is wanted."""

    @property
    def call(self) -> Call:
        """In the words of Kubernetes' permissions."""
        _, core, *rest = self.path.split("/")
        parts = rest[1:] if core == "api" else rest[2:]
        if parts[0] == "namespaces" and len(parts) > 2:
            return Call(self.verb, "/".join(parts[2::2]), unquote(parts[1]))
        return Call(self.verb, parts[0], None)


class ApiServer:
    """One API server with our credentials. Safe to use from several threads.

    Every method raises NoCluster, BadInput or ClusterFailed. 429, 5xx and lost connections are tried again, also after
    a POST: one that was carried out without an answer shows as an object that exists.
    """

    def __init__(self, settings: ClusterSettings) -> None:
        self._throttle = Throttle(settings.requests_per_second)
        self._api = _connect(settings)
        self.url = str(self._api.configuration.host)
        self._met = False
        self._allowed: set[Call] = set()

    def ask(self, request: Request, accept: frozenset[HTTPStatus] = frozenset()) -> Content | Refusal:
        """The object that answers; a refusal whose status is in `accept` is the caller's to judge."""
        tried = 0
        while True:
            tried += 1
            response = self._send(request)
            if response.status < HTTPStatus.BAD_REQUEST:
                self._allowed.add(request.call)
                return self._read(request, response.data)
            refusal = read_refusal(response.status, response.data)
            if self._passes(request, refusal) and tried < TRIES:
                time.sleep(delay_seconds(tried, response.headers.get("Retry-After")))
            elif refusal.status in accept:
                return refusal
            else:
                raise self.error(request, refusal)

    def stream(self, request: Request) -> Iterator[bytes] | Refusal:
        """The answer as it comes."""
        response = self._send(request, stream=True)
        if response.status >= HTTPStatus.BAD_REQUEST:
            return read_refusal(response.status, response.read())
        return self._chunks(request, response)

    def error(self, request: Request, refusal: Refusal) -> ProgramError:
        """The error that such a refusal ends the program with."""
        return as_error(request.call, refusal, self.url)

    def _chunks(self, request: Request, response: Any) -> Iterator[bytes]:
        with _lost_connections(lambda error: self._away(request, error)):
            yield from response.stream(amt=None, decode_content=True)

    def _read(self, request: Request, body: bytes) -> Content:
        content = read_object(body)
        if content is None:
            remedy = "check the server in the kubeconfig"
            raise NoCluster(f"no API server: {self._place} says something else to {request.call}; {remedy}")
        return content

    def _passes(self, request: Request, refusal: Refusal) -> bool:
        # A server that has just started forbids everything until it has read its Roles.
        return refusal.passes or (refusal.is_missing_right and request.call in self._allowed)

    def _send(self, request: Request, *, stream: bool = False) -> Any:
        """The response, whatever it says. Raises NoCluster or ClusterFailed where none comes."""
        begun, tried = time.monotonic(), 0
        while True:
            tried += 1
            try:
                with _lost_connections(lambda error: self._gone(request, error)):
                    return self._exchange(request, stream=stream)
            except (NoCluster, ClusterFailed):
                if self._gives_up(tried, time.monotonic() - begun):
                    raise
                time.sleep(delay_seconds(tried, None))

    def _gives_up(self, tried: int, seconds: float) -> bool:
        return seconds > OUTAGE_SECONDS if self._met else tried == _TRIES_AT_FIRST

    def _exchange(self, request: Request, *, stream: bool) -> Any:
        import urllib3

        self._throttle.take_turn()
        headers = {"Accept": request.form, "Content-Type": _JSON}
        self._api.update_params_for_auth(headers, [], ["BearerToken"])
        response = self._api.rest_client.pool_manager.request(
            _METHODS[request.verb],
            f"{self.url}{request.path}?{urlencode(request.query)}",
            body=None if request.body is None else json.dumps(request.body, separators=(",", ":")),
            headers=headers,
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=None if stream else _READ_SECONDS),
            preload_content=not stream,
        )
        self._met = True
        return response

    def _gone(self, request: Request, error: Exception) -> NoCluster | ClusterFailed:
        if _is_untrusted(error):
            remedy = "check certificate-authority in the kubeconfig"
            return NoCluster(f"the certificate of {self._place} is not trusted ({first_cause(error)}); {remedy}")
        if self._met:
            return self._away(request, error)
        remedy = "check the kubeconfig and the network" + (", or NO_PROXY" if self._api.configuration.proxy else "")
        return NoCluster(f"no API server answers at {self._place} ({first_cause(error)}); {remedy}")

    def _away(self, request: Request, error: Exception) -> ClusterFailed:
        return ClusterFailed(f"cannot {request.call}: {self._place} went away: {first_cause(error)}")

    @property
    def _place(self) -> str:
        """The server and, as either may be to blame, the proxy on the way."""
        proxy = self._api.configuration.proxy
        return self.url if proxy is None else f"{self.url} through the proxy {without_credentials(proxy)}"


def _connect(settings: ClusterSettings) -> Any:
    """By the kubeconfig; inside a pod without one, as the pod's service account."""
    from kubernetes import client, config

    configuration = client.Configuration()
    try:
        if _in_a_pod(settings):
            config.load_incluster_config(client_configuration=configuration)
        else:
            config.load_kube_config(context=settings.context, client_configuration=configuration, persist_config=False)
    except (config.ConfigException, OSError, ValueError) as error:
        remedy = "set KUBECONFIG, or --context to one that it has, or run on this machine with --backend local"
        raise NoCluster(f"no usable kubeconfig: {in_words(error).rstrip('.')}; {remedy}") from error
    # The library reads HTTP_PROXY after HTTPS_PROXY, and proxies loopback too.
    configuration.proxy = proxy_for(str(configuration.host))
    configuration.proxy_headers = proxy_headers(configuration.proxy) if configuration.proxy else None
    configuration.no_proxy = None
    configuration.retries = False  # they are made here, where a POST can be told from a GET
    configuration.connection_pool_maxsize = settings.connections
    return client.ApiClient(configuration)


def _in_a_pod(settings: ClusterSettings) -> bool:
    from kubernetes.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION

    named = settings.context is not None or any(map(os.path.exists, KUBE_CONFIG_DEFAULT_LOCATION.split(os.pathsep)))
    return not named and "KUBERNETES_SERVICE_HOST" in os.environ


@contextmanager
def _lost_connections(translate: Callable[[Exception], Exception]) -> Iterator[None]:
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (HTTPError, OSError) as error:
        raise translate(error) from error


def _is_untrusted(error: Exception) -> bool:
    from urllib3.exceptions import SSLError

    return isinstance(error, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)
