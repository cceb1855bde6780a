"""What `doctor` says about a queue of Kueue's. Pure."""

from collections.abc import Mapping

from launcher.command_line.job_options import JobOptions
from launcher.jobs.kueue import ClusterQueue, LocalQueue
from launcher.jobs.manifest import Template, requests
from launcher.jobs.quantity import amount
from launcher.preflight.checks import Check, Verdict
from launcher.servers.unseen import Unseen

_PODS = {"pods": "1"}
"""Counted where a ClusterQueue has a quota for it."""


def local_queue_check(name: str, found: LocalQueue | Unseen) -> Check:
    """Whether Jobs can be sent to it."""
    called = f"queue {name}"
    match found:
        case Unseen.HIDDEN:
            return Check(called, Verdict.UNKNOWN, "no right to look; k8s/components/kueue grants it")
        case Unseen.ABSENT:
            words = "is not there, or Kueue is not: see k8s/README.md, or mend --queue or LAUNCHER_QUEUE"
            return Check(called, Verdict.FAIL, words)
        case LocalQueue(cluster_queue=behind, inactive=None):
            return Check(called, Verdict.OK, f"is active, and leads to ClusterQueue {behind}")
        case LocalQueue(cluster_queue=behind, inactive=why):
            return Check(called, Verdict.FAIL, f"admits nothing: {why}: mend it or ClusterQueue {behind}")


def quota_check(
    queue: LocalQueue, found: ClusterQueue | Unseen, template: Template, options: JobOptions, model: str | None
) -> Check:
    """Whether a cell would fit into the ClusterQueue while it is empty; `model` is one with needs of its own."""
    called, behind = f"quota for {model}" if model else "quota", f"ClusterQueue {queue.cluster_queue}"
    match found:
        case Unseen.HIDDEN:
            return Check(called, Verdict.UNKNOWN, f"no right to look at {behind}, and none is needed to submit")
        case Unseen.ABSENT:
            return Check(
                called,
                Verdict.FAIL,
                f"{behind} is not there: make it (k8s/README.md), or mend the LocalQueue {queue.name}",
            )
        case ClusterQueue():
            wanted = requests(template["spec"]["template"]["spec"], options, model)
            return _fit_check(called, found, wanted, "LAUNCHER_PER_MODEL" if model else "job.yaml")


def _fit_check(called: str, queue: ClusterQueue, wanted: Mapping[str, str], setting: str) -> Check:
    behind = f"ClusterQueue {queue.name}"
    try:
        lacks = _lacks(queue, wanted)
    except ValueError as error:
        return Check(called, Verdict.FAIL, f"{error} of a resource: mend job.yaml")
    if lacks and not queue.borrows:
        return Check(called, Verdict.FAIL, f"no cell ever fits into {behind} ({lacks}): mend its quota or {setting}")
    if lacks:
        return Check(called, Verdict.UNKNOWN, f"a cell fits into {behind} only with what its cohort lends ({lacks})")
    if uncounted := sorted(set(wanted) - _counted(queue)):
        words = f"{behind} has none of {', '.join(uncounted)}: no cell ever fits, unless Kueue is set up to ignore that"
        return Check(called, Verdict.UNKNOWN, words)
    return Check(called, Verdict.OK, f"a cell fits into {behind}")


def _counted(queue: ClusterQueue) -> set[str]:
    return {resource for group in queue.groups for quotas in group.values() for resource in quotas}


def _lacks(queue: ClusterQueue, wanted: Mapping[str, str]) -> str:
    """What each flavor of a group has too little of, where no flavor of it has enough; empty where a cell fits."""
    lacking = []
    for group in queue.groups:
        of_flavors = [_lack(flavor, quotas, {**wanted, **_PODS}) for flavor, quotas in group.items()]
        if all(of_flavors):
            lacking += of_flavors
    return ", ".join(lacking)


def _lack(flavor: str, quotas: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    for resource, quota in quotas.items():
        if resource in wanted and amount(quota) < amount(wanted[resource]):
            return f"{resource} {quota} in flavor {flavor}, less than {wanted[resource]}"
    return ""
