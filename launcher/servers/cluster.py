"""Jobs, pods, and what else a launcher asks of a cluster, in Kubernetes' own terms."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

from launcher.command_line.settings import ClusterSettings
from launcher.jobs import kueue
from launcher.jobs.content import Content
from launcher.jobs.creation import Created, Creation, judge
from launcher.jobs.job import Job, read_job
from launcher.jobs.manifest import CONTAINER, KUEUE_GROUP, OWNER_LABEL, RUN_LABEL
from launcher.jobs.nodes import Node, read_node
from launcher.jobs.pod import Pod, read_pod
from launcher.servers.answers import ClusterFailed, NoAccess, Refusal, no_namespace
from launcher.servers.api_server import METADATA, ApiServer, Request
from launcher.servers.pace import TRIES
from launcher.servers.permissions import Permission
from launcher.servers.unseen import Unseen

T = TypeVar("T")

_PAGE = 500
_TAKEN = frozenset({HTTPStatus.CONFLICT})
_HIDDEN = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_NODES = "/api/v1/nodes"
_WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_MAY = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_KUEUE = f"/apis/{KUEUE_GROUP}/v1beta2"


class Cluster:
    """The Jobs and pods of one owner in one namespace. Safe to use from several threads.

    Every method raises NoCluster, BadInput or ClusterFailed, as ApiServer does.
    """

    def __init__(self, settings: ClusterSettings) -> None:
        self.namespace = settings.namespace
        self.owner = settings.owner
        self.connections = settings.connections
        self._server = ApiServer(settings)
        self._here = f"/api/v1/namespaces/{quote(self.namespace)}"
        self._pods = f"{self._here}/pods"
        self._jobs = f"/apis/batch/v1/namespaces/{quote(self.namespace)}/jobs"
        self._kueue = f"{_KUEUE}/namespaces/{quote(self.namespace)}"

    @property
    def server(self) -> str:
        """Its address."""
        return self._server.url

    def create(self, manifest: Content, *, dry_run: bool = False) -> Creation:
        """Make the Job unless it is there. In a dry run all is asked of the API server but to keep the Job."""
        name, query = manifest["metadata"]["name"], {"dryRun": "All"} if dry_run else {}
        request = Request("create", self._jobs, query, manifest, METADATA)
        for _ in range(TRIES):
            if not isinstance(self._server.ask(request, _TAKEN), Refusal):
                return Created()
            if (found := self.job(name)) is not None:
                return judge(manifest, found)
        raise ClusterFailed(f"Job {name} came and went {TRIES} times; is another launcher at work?")

    def job(self, name: str) -> Job | None:
        """The Job, or None."""
        answer = self._server.ask(Request("get", f"{self._jobs}/{quote(name)}"), frozenset({HTTPStatus.NOT_FOUND}))
        return None if isinstance(answer, Refusal) else read_job(answer)

    def jobs(self, run: str) -> list[Job]:
        """The owner's Jobs of the run; of those that a queue holds back, why."""
        jobs = self._list(self._jobs, self._ours(run), read_job)
        queued = any(job.suspended and job.queue for job in jobs)
        return kueue.with_waits(jobs, self._workloads()) if queued else jobs

    def _workloads(self) -> list[kueue.Workload] | None:
        """Of the whole namespace, as a place in a queue counts them all; None where we may not look."""
        try:
            return self._list(f"{self._kueue}/workloads", "", kueue.read_workload)
        except NoAccess:
            return None

    def other_owners(self, run: str) -> list[str]:
        """Who else has Jobs of a run of this name here."""
        owners = self._list(
            self._jobs, f"{RUN_LABEL}={run},{OWNER_LABEL}!={self.owner}", lambda job: read_job(job).owner
        )
        return sorted(filter(None, set(owners)))

    def check_namespace(self) -> None:
        """Raises NoAccess where there is none, so far as we may look: lists of its objects are just empty."""
        if self.has_namespace() is False:
            raise no_namespace(self.namespace, self.server)

    def pods(self, run: str) -> list[Pod]:
        """The pods of these Jobs."""
        return self._list(self._pods, self._ours(run), read_pod)

    def delete(self, job: Job) -> bool:
        """Delete this very Job; its pods follow in the background. False when it was gone, or is another by now."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": job.uid}}
        request = Request("delete", f"{self._jobs}/{quote(job.name)}", body=body)
        gone = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT})
        return not isinstance(self._server.ask(request, gone), Refusal)

    def user(self) -> str | None:
        """Whom the API server takes us for; None where it does not say."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = self._server.ask(Request("create", _WHO, body=body), _HIDDEN)
        return None if isinstance(answer, Refusal) else str(answer["status"]["userInfo"]["username"])

    def may(self, permission: Permission) -> bool:
        """Whether we hold the permission in the namespace. To ask is granted to everybody (system:basic-user)."""
        resource, _, subresource = permission.resource.partition("/")
        asked = {"namespace": self.namespace, "verb": permission.verb, "group": permission.group, "resource": resource}
        return self._may(asked | ({"subresource": subresource} if subresource else {}))

    def has_namespace(self) -> bool | None:
        """None where we may not look."""
        return self._has("namespaces", self.namespace, self._here)

    def has(self, resource: str, name: str) -> bool | None:
        """Whether the namespace has the object; None where we may not look. Of its content nothing is kept."""
        return self._has(resource, name, f"{self._here}/{resource}/{quote(name)}")

    @cached_property
    def nodes(self) -> list[Node] | None:
        """All of the cluster, as they were at the first look; None where we may not look."""
        if not self._may({"verb": "list", "resource": "nodes"}):
            return None
        answer = self._server.ask(Request("list", _NODES), frozenset({HTTPStatus.FORBIDDEN}))
        return None if isinstance(answer, Refusal) else list(map(read_node, answer["items"]))

    def local_queue(self, name: str) -> kueue.LocalQueue | Unseen:
        """Kueue's queue of this name in the namespace."""
        asked = {"namespace": self.namespace, "group": KUEUE_GROUP, "resource": "localqueues"}
        return self._look(asked, name, f"{self._kueue}/localqueues/{quote(name)}", kueue.read_local_queue)

    def cluster_queue(self, name: str) -> kueue.ClusterQueue | Unseen:
        """Kueue's queue of this name for all namespaces."""
        asked = {"group": KUEUE_GROUP, "resource": "clusterqueues"}
        return self._look(asked, name, f"{_KUEUE}/clusterqueues/{quote(name)}", kueue.read_cluster_queue)

    def has_priority_class(self, name: str) -> bool | None:
        """Whether Kueue has the WorkloadPriorityClass; None where we may not look."""
        asked = {"group": KUEUE_GROUP, "resource": "workloadpriorityclasses"}
        return _presence(self._look(asked, name, f"{_KUEUE}/workloadpriorityclasses/{quote(name)}", bool))

    def _has(self, resource: str, name: str, path: str) -> bool | None:
        return _presence(self._look({"namespace": self.namespace, "resource": resource}, name, path, bool))

    def _look(self, asked: Mapping[str, str], name: str, path: str, read: Callable[[Content], T]) -> T | Unseen:
        # Asked first: a refused look at a secret is what those who watch a cluster take for a break-in.
        if not self._may({**asked, "verb": "get", "name": name}):
            return Unseen.HIDDEN
        answer = self._server.ask(Request("get", path), _HIDDEN)
        if isinstance(answer, Refusal):
            return Unseen.HIDDEN if answer.status == HTTPStatus.FORBIDDEN else Unseen.ABSENT
        return read(answer)

    def _may(self, attributes: Mapping[str, str]) -> bool:
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = self._server.ask(Request("create", _MAY, body=body), frozenset({HTTPStatus.FORBIDDEN}))
        return not isinstance(answer, Refusal) and bool(answer["status"]["allowed"])

    def log(self, pod: Pod, *, follow: bool) -> Iterator[bytes] | None:
        """The log of the pod as it comes; None when the pod is gone. Raises ClusterFailed where its node has none."""
        query = {"container": CONTAINER, "follow": "true" if follow else "false"}
        request = Request("get", f"{self._pods}/{quote(pod.name)}/log", query)
        answer = self._server.stream(request)
        if not isinstance(answer, Refusal):
            return answer
        match answer.status:
            case HTTPStatus.NOT_FOUND:
                return None
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                raise self._server.error(request, answer)
            case _:
                where = f"pod {pod.name} is on node {pod.node}"
                raise ClusterFailed(f"{where}, whose log of it cannot be read: {answer.message}")

    def _ours(self, run: str) -> str:
        return f"{RUN_LABEL}={run},{OWNER_LABEL}={self.owner}"

    def _list(self, path: str, selector: str, read: Callable[[Content], T]) -> list[T]:
        for _ in range(TRIES):
            if (items := self._pages(path, selector, read)) is not None:
                return items
        call = Request("list", path).call
        raise ClusterFailed(f"cannot {call}: {self.server} forgets the list before its last page")

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
        answer = self._server.ask(Request("list", path, query), frozenset({HTTPStatus.GONE}))
        if isinstance(answer, Refusal):
            return None
        return list(map(read, answer["items"])), answer["metadata"].get("continue", "")


def _presence(seen: bool | Unseen) -> bool | None:
    match seen:
        case Unseen.HIDDEN:
            return None
        case Unseen.ABSENT:
            return False
        case bool():
            return True
