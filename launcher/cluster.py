"""The API server: the only file that imports kubernetes. Foreign errors end here."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from launcher.answers import Call, ClusterFailed, NoCluster, Refusal, as_error, no_namespace, read_object, read_refusal
from launcher.connection import first_cause, in_words, proxy_for, proxy_headers, without_credentials
from launcher.manifest import CONTAINER, OWNER_LABEL, RUN_LABEL
from launcher.nodes import Node, read_node
from launcher.objects import Content, Job, Pod, differences, image_of, read_job, read_pod
from launcher.pace import OUTAGE_SECONDS, TRIES, Throttle, delay_seconds
from launcher.permissions import Permission
from launcher.settings import ClusterSettings

T = TypeVar("T")

_PAGE = 500
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 60.0
_TRIES_AT_FIRST = 2
"""Until the server has answered once: a wrong address should not take half a minute to tell."""
_HIDDEN = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_NAMESPACE = "/api/v1/namespaces/{namespace}"
_NODES = "/api/v1/nodes"
_WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_MAY = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_JOBS = "/apis/batch/v1/namespaces/{namespace}/jobs"
_PODS = "/api/v1/namespaces/{namespace}/pods"


@dataclass(frozen=True)
class Created:
    """The Job is new."""


@dataclass(frozen=True)
class Exists:
    """The Job is there already, for the same work; its image need not be the one that was asked for."""

    job: Job
    wanted_image: str


@dataclass(frozen=True)
class Conflict:
    """Another Job has the name; `differences` names both sides of what differs."""

    job: Job
    differences: list[str]


@dataclass(frozen=True)
class Terminating:
    """A Job of that name was deleted and is not gone yet."""

    job: Job


Creation = Created | Exists | Conflict | Terminating


def judge(wanted: Content, found: Job) -> Exists | Conflict | Terminating:
    """What a Job that has the name of `wanted` means for it."""
    if found.terminating:
        return Terminating(found)
    unlike = differences(wanted, found)
    return Conflict(found, unlike) if unlike else Exists(found, image_of(wanted))


class Cluster:
    """The Jobs and pods of one owner in one namespace. Safe to use from several threads.

    Every method raises NoCluster, BadInput or ClusterFailed. 429, 5xx and lost connections are tried again, also after
    a POST: one that was carried out without an answer shows as a Job that exists.
    """

    def __init__(self, settings: ClusterSettings) -> None:
        self.namespace = settings.namespace
        self.owner = settings.owner
        self.connections = settings.connections
        self._throttle = Throttle(settings.requests_per_second)
        self._api = _connect(settings)
        self.server = str(self._api.configuration.host)
        self._met = False
        self._allowed: set[Call] = set()

    def create(self, manifest: Content, *, dry_run: bool = False) -> Creation:
        """Make the Job unless it is there. In a dry run all is asked of the API server but to keep the Job."""
        name, query = manifest["metadata"]["name"], {"dryRun": "All"} if dry_run else {}
        for _ in range(TRIES):
            answer = self._ask("create", _JOBS, query, body=manifest, accept=frozenset({HTTPStatus.CONFLICT}))
            if not isinstance(answer, Refusal):
                return Created()
            if (found := self.job(name)) is not None:
                return judge(manifest, found)
        raise ClusterFailed(f"Job {name} came and went {TRIES} times; is another launcher at work?")

    def job(self, name: str) -> Job | None:
        """The Job, or None."""
        answer = self._ask("get", f"{_JOBS}/{quote(name)}", accept=frozenset({HTTPStatus.NOT_FOUND}))
        return None if isinstance(answer, Refusal) else read_job(answer)

    def jobs(self, run: str) -> list[Job]:
        """The owner's Jobs of the run."""
        return self._list(_JOBS, self._ours(run), read_job)

    def other_owners(self, run: str) -> list[str]:
        """Who else has Jobs of a run of this name here."""
        owners = self._list(_JOBS, f"{RUN_LABEL}={run},{OWNER_LABEL}!={self.owner}", lambda job: read_job(job).owner)
        return sorted(filter(None, set(owners)))

    def check_namespace(self) -> None:
        """Raises NoAccess where there is none, so far as we may look: lists of its objects are just empty."""
        if self.has_namespace() is False:
            raise no_namespace(self.namespace, self.server)

    def pods(self, run: str) -> list[Pod]:
        """The pods of these Jobs."""
        return self._list(_PODS, self._ours(run), read_pod)

    def delete(self, job: Job) -> bool:
        """Delete this very Job; its pods follow in the background. False when it was gone, or is another by now."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": job.uid}}
        gone = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT})
        return not isinstance(self._ask("delete", f"{_JOBS}/{quote(job.name)}", body=body, accept=gone), Refusal)

    def user(self) -> str | None:
        """Whom the API server takes us for; None where it does not say."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = self._ask("create", _WHO, body=body, accept=_HIDDEN)
        return None if isinstance(answer, Refusal) else str(answer["status"]["userInfo"]["username"])

    def may(self, permission: Permission) -> bool:
        """Whether we hold the permission in the namespace. To ask is granted to everybody (system:basic-user)."""
        resource, _, subresource = permission.resource.partition("/")
        asked = {"namespace": self.namespace, "verb": permission.verb, "group": permission.group, "resource": resource}
        return self._may(asked | ({"subresource": subresource} if subresource else {}))

    def has_namespace(self) -> bool | None:
        """None where we may not look."""
        return self._has("namespaces", self.namespace, _NAMESPACE)

    def has(self, resource: str, name: str) -> bool | None:
        """Whether the namespace has the object; None where we may not look. Of its content nothing is kept."""
        return self._has(resource, name, f"{_NAMESPACE}/{resource}/{quote(name)}")

    def nodes(self) -> list[Node] | None:
        """All of the cluster; None where we may not look."""
        if not self._may({"verb": "list", "resource": "nodes"}):
            return None
        answer = self._ask("list", _NODES, accept=frozenset({HTTPStatus.FORBIDDEN}))
        return None if isinstance(answer, Refusal) else list(map(read_node, answer["items"]))

    def _has(self, resource: str, name: str, path: str) -> bool | None:
        # Asked first: a refused look at a secret is what those who watch a cluster take for a break-in.
        if not self._may({"namespace": self.namespace, "verb": "get", "resource": resource, "name": name}):
            return None
        answer = self._ask("get", path, accept=_HIDDEN)
        if isinstance(answer, Refusal):
            return None if answer.status == HTTPStatus.FORBIDDEN else False
        return True

    def _may(self, attributes: Mapping[str, str]) -> bool:
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = self._ask("create", _MAY, body=body, accept=frozenset({HTTPStatus.FORBIDDEN}))
        return not isinstance(answer, Refusal) and bool(answer["status"]["allowed"])

    def log(self, pod: Pod, *, follow: bool) -> Iterator[bytes] | None:
        """The log of the pod as it comes; None when the pod is gone. Raises ClusterFailed where its node has none."""
        query = {"container": CONTAINER, "follow": "true" if follow else "false"}
        path = f"{_PODS}/{quote(pod.name)}/log"
        call = self._call("get", path)
        response = self._send("get", path, query, body=None, stream=True)
        if response.status >= HTTPStatus.BAD_REQUEST:
            refusal = read_refusal(response.status, response.read())
            match refusal.status:
                case HTTPStatus.NOT_FOUND:
                    return None
                case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                    raise as_error(call, refusal, self.server)
                case _:
                    where = f"pod {pod.name} is on node {pod.node}"
                    raise ClusterFailed(f"{where}, whose log of it cannot be read: {refusal.message}")
        return self._chunks(call, response)

    def _chunks(self, call: Call, response: Any) -> Iterator[bytes]:
        with _lost_connections(
            lambda error: ClusterFailed(f"cannot {call}: {self._place} went away: {first_cause(error)}")
        ):
            yield from response.stream(amt=None, decode_content=True)

    def _ours(self, run: str) -> str:
        return f"{RUN_LABEL}={run},{OWNER_LABEL}={self.owner}"

    def _list(self, path: str, selector: str, read: Callable[[Content], T]) -> list[T]:
        for _ in range(TRIES):
            if (items := self._pages(path, selector, read)) is not None:
                return items
        raise ClusterFailed(f"cannot {self._call('list', path)}: {self.server} forgets the list before its last page")

    def _pages(self, path: str, selector: str, read: Callable[[Content], T]) -> list[T] | None:
        """None when the server forgot the list before its last page was read, which then has to begin anew."""
        items: list[T] = []
        query = {"labelSelector": selector, "limit": str(_PAGE)}
        while (page := self._page(path, query, read)) is not None:
            found, token = page
            items += found
            if not token:
                return items
            query["continue"] = token
        return None

    def _page(self, path: str, query: Mapping[str, str], read: Callable[[Content], T]) -> tuple[list[T], str] | None:
        """Its objects cut down to what is asked about, and the token of the next page, empty on the last.

        Nothing else of it stays: whole, a page of 500 Jobs takes tens of megabytes.
        """
        answer = self._ask("list", path, query, accept=frozenset({HTTPStatus.GONE}))
        if isinstance(answer, Refusal):
            return None
        return list(map(read, answer["items"])), answer["metadata"].get("continue", "")

    def _ask(
        self,
        verb: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Content | None = None,
        accept: frozenset[HTTPStatus] = frozenset(),
    ) -> Content | Refusal:
        """The object that answers; a refusal whose status is in `accept` is the caller's to judge."""
        call, tried = self._call(verb, path), 0
        while True:
            tried += 1
            response = self._send(verb, path, query or {}, body, stream=False)
            if response.status < HTTPStatus.BAD_REQUEST:
                self._allowed.add(call)
                return self._read(call, response.data)
            refusal = read_refusal(response.status, response.data)
            if self._passes(call, refusal) and tried < TRIES:
                time.sleep(delay_seconds(tried, response.headers.get("Retry-After")))
            elif refusal.status in accept:
                return refusal
            else:
                raise as_error(call, refusal, self.server)

    def _read(self, call: Call, body: bytes) -> Content:
        content = read_object(body)
        if content is None or "kind" not in content:
            remedy = "check the server in the kubeconfig"
            raise NoCluster(f"no API server: {self._place} says something else to {call}; {remedy}")
        return content

    def _passes(self, call: Call, refusal: Refusal) -> bool:
        # A server that has just started forbids everything until it has read its Roles.
        return refusal.passes or (refusal.is_missing_right and call in self._allowed)

    def _send(self, verb: str, path: str, query: Mapping[str, str], body: Content | None, *, stream: bool) -> Any:
        """The response, whatever it says. Raises NoCluster or ClusterFailed where none comes."""
        begun, tried = time.monotonic(), 0
        while True:
            tried += 1
            try:
                with _lost_connections(lambda error: self._gone(verb, path, error)):
                    return self._request(verb, path, query, body, stream=stream)
            except (NoCluster, ClusterFailed):
                if self._gives_up(tried, time.monotonic() - begun):
                    raise
                time.sleep(delay_seconds(tried, None))

    def _gives_up(self, tried: int, seconds: float) -> bool:
        return seconds > OUTAGE_SECONDS if self._met else tried == _TRIES_AT_FIRST

    def _request(self, verb: str, path: str, query: Mapping[str, str], body: Content | None, *, stream: bool) -> Any:
        import urllib3

        self._throttle.take_turn()
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        self._api.update_params_for_auth(headers, [], ["BearerToken"])
        response = self._api.rest_client.pool_manager.request(
            _METHODS[verb],
            f"{self.server}{path.format(namespace=quote(self.namespace))}?{urlencode(query)}",
            body=None if body is None else json.dumps(body),
            headers=headers,
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=None if stream else _READ_SECONDS),
            preload_content=not stream,
        )
        self._met = True
        return response

    def _gone(self, verb: str, path: str, error: Exception) -> NoCluster | ClusterFailed:
        if _is_untrusted(error):
            remedy = "check certificate-authority in the kubeconfig"
            return NoCluster(f"the certificate of {self._place} is not trusted ({first_cause(error)}); {remedy}")
        if self._met:
            return ClusterFailed(f"cannot {self._call(verb, path)}: {self._place} went away: {first_cause(error)}")
        remedy = "check the kubeconfig and the network" + (", or NO_PROXY" if self._api.configuration.proxy else "")
        return NoCluster(f"no API server answers at {self._place} ({first_cause(error)}); {remedy}")

    @property
    def _place(self) -> str:
        """The server and, as either may be to blame, the proxy on the way."""
        proxy = self._api.configuration.proxy
        return self.server if proxy is None else f"{self.server} through the proxy {without_credentials(proxy)}"

    def _call(self, verb: str, path: str) -> Call:
        _, namespaced, resource = path.partition("/namespaces/{namespace}/")
        if not namespaced:
            return Call(verb, path.partition("/v1/")[2].partition("/")[0], None)
        return Call(verb, "/".join(resource.split("/")[::2]), self.namespace)


_METHODS = {"create": "POST", "get": "GET", "list": "GET", "delete": "DELETE"}


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
