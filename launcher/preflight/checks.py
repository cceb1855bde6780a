"""What `doctor` says about what it found. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from launcher.command_line.job_options import JobOptions
from launcher.jobs.manifest import Template, pod_needs
from launcher.jobs.nodes import GPU, Node, obstacle
from launcher.servers.permissions import Permission


class Verdict(StrEnum):
    """Of one check."""

    OK = "ok"
    FAIL = "FAIL"
    UNKNOWN = "not verified"


@dataclass(frozen=True)
class Check:
    """What was looked at and what was found: after a FAIL, with the way out."""

    name: str
    verdict: Verdict
    detail: str


def permission_check(permission: Permission, namespace: str, *, allowed: bool) -> Check:
    """Of one verb and resource."""
    name = f"{permission.verb} {permission.resource} in namespace {namespace}"
    if allowed:
        return Check(name, Verdict.OK, "allowed")
    return Check(name, Verdict.FAIL, "no permission: bind the Role launcher of k8s/base to you")


def presence_check(name: str, found: bool | None, remedy: str) -> Check:
    """Of an object that Jobs need; `found` is None where we may not look."""
    match found:
        case True:
            return Check(name, Verdict.OK, "is there")
        case False:
            return Check(name, Verdict.FAIL, f"is not there: {remedy}")
        case None:
            return Check(name, Verdict.UNKNOWN, "no right to look, and none is needed to submit")


def gpu_check(nodes: Sequence[Node] | None, template: Template, options: JobOptions, model: str | None) -> Check:
    """Whether a cell would fit on a node while nothing else runs there; `model` is one with needs of its own."""
    name = f"GPUs for {model}" if model else "GPUs"
    if nodes is None:
        return Check(name, Verdict.UNKNOWN, "no right to list nodes, and none is needed to submit")
    offering = [node for node in nodes if node.gpus]
    if not offering:
        words = f"none of {len(nodes)} nodes offers {GPU}: install NVIDIA's device plugin, or add nodes with a GPU"
        return Check(name, Verdict.FAIL, words)
    try:
        needs = pod_needs(template, options, model)
        obstacles = {node: obstacle(node, needs) for node in offering}
    except ValueError as error:
        return Check(name, Verdict.FAIL, f"{error} of a resource: mend job.yaml")
    return _fit_check(name, obstacles, "LAUNCHER_PER_MODEL" if model else "LAUNCHER_NODE_SELECTOR")


def _fit_check(name: str, obstacles: Mapping[Node, str | None], setting: str) -> Check:
    fitting = [node for node, why in obstacles.items() if why is None]
    others = _in_words(list(filter(None, obstacles.values())))
    if not fitting:
        words = f"no node with {GPU} suits the Jobs ({others}): mend the nodes, {setting} or job.yaml"
        return Check(name, Verdict.FAIL, words)
    words = f"{sum(node.gpus for node in fitting)} suit the Jobs"
    return Check(name, Verdict.OK, f"{words}; those of other nodes do not ({others})" if others else words)


def _in_words(obstacles: Sequence[str]) -> str:
    return ", ".join(f"{count} with {why}" for why, count in Counter(obstacles).most_common())
