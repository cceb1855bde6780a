"""What the API server's refusals mean for a user: one line with the remedy."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from contract.exits import UNEXPECTED, BadInput, ProgramError

_OURS = "emotion-grid"
"""The namespace that the overlays make."""
_NO_SUCH_PATH = "404 page not found"
"""Said where nobody has installed the resource."""


def set_up(namespace: str | None) -> str:
    """How what a namespace for cells needs gets there."""
    if namespace in (None, _OURS):
        return "kubectl apply --server-side -k k8s/overlays/kind (k8s/README.md)"
    return f"kubectl apply --server-side -k OVERLAY, one with `namespace: {namespace}` (k8s/README.md)"


class NoCluster(BadInput):
    """No API server can be talked to: none is named, none answers there, or it does not know us."""


class NoAccess(BadInput):
    """The API server does not let us do that in the namespace, or has no such namespace."""


class ClusterFailed(ProgramError):
    """The API server failed, or went away in the middle; what was done before stays done."""

    exit_code = UNEXPECTED


@dataclass(frozen=True)
class Call:
    """A request, in the words of Kubernetes' permissions."""

    verb: str
    resource: str
    namespace: str | None
    """None for what belongs to the cluster as a whole."""

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.resource}{where}"


@dataclass(frozen=True)
class Refusal:
    """An answer that is no success."""

    status: int
    reason: str
    message: str
    details: Mapping[str, Any]

    @property
    def is_quota(self) -> bool:
        """Whether a ResourceQuota of the namespace stands in the way."""
        return self.status == HTTPStatus.FORBIDDEN and "exceeded quota" in self.message

    @property
    def is_missing_right(self) -> bool:
        """Whether no Role allows the request."""
        return (self.status, self.reason) == (HTTPStatus.FORBIDDEN, "Forbidden") and "cannot" in self.message

    @property
    def passes(self) -> bool:
        """Whether the same request may succeed in a moment: 429, 5xx, a quota that others are updating."""
        contended = self.status == HTTPStatus.CONFLICT and self.reason == "Conflict"
        return (
            contended or self.status == HTTPStatus.TOO_MANY_REQUESTS or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        )


def read_object(body: bytes) -> dict[str, Any] | None:
    """An object of Kubernetes as JSON; None for whatever else answers at its address."""
    try:
        content = json.loads(body)
    except ValueError:
        return None
    return content if isinstance(content, dict) and "kind" in content else None


def read_refusal(status: int, body: bytes) -> Refusal:
    """From a Status object, or from whatever a proxy in between says."""
    content = read_object(body)
    if content is None:
        content = {"message": body[:200].decode(errors="replace")}
    message = " ".join(str(content.get("message", "")).split())
    return Refusal(status, content.get("reason") or "", message, content.get("details") or {})


def as_error(call: Call, refusal: Refusal, server: str) -> ProgramError:
    """The error that ends the program."""
    if refusal.is_quota:
        return BadInput(f"cannot {call}: {refusal.message}; delete finished Jobs (cancel), or have the quota raised")
    match refusal.status:
        case HTTPStatus.UNAUTHORIZED:
            return NoCluster(f"{server} does not accept these credentials: the token is expired or wrong; log in again")
        case HTTPStatus.FORBIDDEN if _is_terminating(refusal):
            return BadInput(
                f"namespace {call.namespace} is being deleted; wait until it is gone, then {set_up(call.namespace)}"
            )
        case HTTPStatus.FORBIDDEN if refusal.is_missing_right:
            remedy = "check --namespace, or bind the Role launcher of k8s/base to you"
            return NoAccess(f"no permission to {call}; {remedy}: {refusal.message}")
        case HTTPStatus.NOT_FOUND if refusal.details.get("kind") == "namespaces":
            return no_namespace(call.namespace, server)
        case HTTPStatus.NOT_FOUND if refusal.message == _NO_SUCH_PATH:
            return NoAccess(f"cannot {call}: {server} knows no such objects")
        case HTTPStatus.FORBIDDEN | HTTPStatus.BAD_REQUEST | HTTPStatus.UNPROCESSABLE_ENTITY:
            return BadInput(f"cannot {call}: {refusal.message}")
        case status:
            return ClusterFailed(f"cannot {call}: {server} answers {status}: {refusal.message}")


def no_namespace(name: str | None, server: str) -> NoAccess:
    """The error for a namespace that is not there."""
    return NoAccess(f"no namespace {name} at {server}; give --namespace, or make it: {set_up(name)}")


def _is_terminating(refusal: Refusal) -> bool:
    return any(cause.get("reason") == "NamespaceTerminating" for cause in refusal.details.get("causes") or ())
