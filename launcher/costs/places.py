"""On how many GPUs, or processors, the cells of a plan run at the same time."""

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from launcher.cells.plan import Step
from launcher.command_line.job_options import JobOptions
from launcher.command_line.settings import PriceSettings, cluster_settings, draft_options
from launcher.estimates.range import NOTHING, Range
from launcher.estimates.speeds import Device
from launcher.jobs.kueue import ClusterQueue, LocalQueue
from launcher.jobs.manifest import Template, load_template, pod_needs
from launcher.jobs.nodes import GPU, Node, obstacle
from launcher.machine.gpus import visible_gpus
from launcher.servers.answers import ClusterFailed, NoAccess, NoCluster
from launcher.servers.cluster import Cluster
from launcher.servers.unseen import Unseen

_POD_SECONDS = Range(1.0, 5.0, 30.0)
"""That a GPU is a pod's before its process starts and after its result; 5 s on the node of tests/node."""


@dataclass(frozen=True)
class Places:
    """Where cells are trained, one to a place."""

    device: Device
    count: int | None
    """None: it could not be found out."""
    because: str = ""
    """Why it could not, or why there is none."""
    turnover_seconds: Range = NOTHING
    """Of a cell's time in its place, what its process does not see."""


def on_this_machine(workers: int) -> Places:
    """Cells as local processes."""
    return Places(local_device(), workers)


def local_device() -> Device:
    """What a local cell is trained on."""
    return "gpu" if visible_gpus(os.environ) else "cpu"


def on_cluster(count: int | None, because: str = "") -> Places:
    """Cells as pods with a GPU each."""
    return Places("gpu", count, because, _POD_SECONDS)


def cluster_places(
    given: dict[str, Any], prices: PriceSettings, steps: Sequence[Step], cluster: Cluster | None = None
) -> Places:
    """On which GPUs the cells would run: as many as the user says, else those of the cluster if something runs."""
    models = {step.task.cell.model for step in steps if step.runs}
    if prices.gpus is not None or not models:
        return on_cluster(prices.gpus)
    options = draft_options(given)
    return ask_cluster(
        lambda: cluster or Cluster(cluster_settings(given)), options, load_template(options.template), models
    )


def ask_cluster(
    cluster: Callable[[], Cluster], options: JobOptions, template: Template, models: Collection[str]
) -> Places:
    """The GPUs of its nodes, within the quota of the Jobs' queue, whoever uses them now.

    A cluster that does not tell is no error: nothing depends on it.
    """
    try:
        asked = cluster()
        places = on_nodes(asked.nodes, options, template, models)
        return places if options.queue is None else within_quota(places, _quota_of(asked, options.queue))
    except (NoCluster, NoAccess, ClusterFailed) as error:
        return on_cluster(None, str(error))


def within_quota(places: Places, queue: ClusterQueue | Unseen) -> Places:
    """On no more GPUs than Kueue lets the cells hold; all the same where that is not to be seen, or others may lend."""
    match queue:
        case ClusterQueue(borrows=False) if (quota := queue.quota(GPU)) is not None:
            if places.count == 0 or quota >= 1:
                return replace(places, count=int(quota) if places.count is None else min(int(quota), places.count))
            return on_cluster(0, f"no GPU in ClusterQueue {queue.name}")
        case _:
            return places


def _quota_of(cluster: Cluster, queue: str) -> ClusterQueue | Unseen:
    found = cluster.local_queue(queue)
    return cluster.cluster_queue(found.cluster_queue) if isinstance(found, LocalQueue) else found


def on_nodes(nodes: Sequence[Node] | None, options: JobOptions, template: Template, models: Collection[str]) -> Places:
    """The GPUs of the nodes that suit cells of one of the models; None where we may not list nodes."""
    if nodes is None:
        return on_cluster(None, "no right to list nodes")
    try:
        needs = [pod_needs(template, options, model) for model in models]
        gpus = sum(node.gpus for node in nodes if any(obstacle(node, each) is None for each in needs))
    except ValueError as error:
        return on_cluster(None, f"{error} of a resource in job.yaml")
    return on_cluster(gpus) if gpus else on_cluster(0, "no node with a GPU suits the Jobs")
