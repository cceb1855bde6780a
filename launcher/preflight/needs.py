"""What Jobs need of a cluster beyond the right to make them: secrets, a queue, and nodes that they fit on.

The launcher's Role lets nobody read secrets or nodes. Who may read them otherwise hears of what is missing: from
`doctor`, and before Jobs are made that would wait for it.
"""

from collections.abc import Iterator
from itertools import chain

from launcher.command_line.job_options import JobOptions
from launcher.command_line.talk import say
from launcher.jobs.kueue import LocalQueue
from launcher.jobs.manifest import Template
from launcher.preflight.checks import Check, Verdict, gpu_check, presence_check
from launcher.preflight.queue_checks import local_queue_check, quota_check
from launcher.servers.cluster import Cluster


def warn_of_missing(cluster: Cluster, options: JobOptions, template: Template) -> None:
    """A line for each that is known to be missing. No error: it may come while the Jobs wait."""
    checks = (secret_checks(cluster, options), queue_checks(cluster, options, template))
    for check in chain(*checks, node_checks(cluster, options, template)):
        if check.verdict is Verdict.FAIL:
            say(f"warning: {check.name}: {check.detail}")


def node_checks(cluster: Cluster, options: JobOptions, template: Template) -> Iterator[Check]:
    """Of the nodes, and once more for each model that has needs of its own."""
    nodes = cluster.nodes
    for model in (None, *options.per_model):
        yield gpu_check(nodes, template, options, model)


def queue_checks(cluster: Cluster, options: JobOptions, template: Template) -> Iterator[Check]:
    """Of Kueue's queue, its quota and the priority in it; none where the Jobs go to no queue."""
    if options.queue is None:
        return
    queue = cluster.local_queue(options.queue)
    yield local_queue_check(options.queue, queue)
    if isinstance(queue, LocalQueue):
        behind = cluster.cluster_queue(queue.cluster_queue)
        for model in (None, *options.per_model):
            yield quota_check(queue, behind, template, options, model)
    if options.priority is not None:
        found = cluster.has_priority_class(options.priority)
        remedy = "make the WorkloadPriorityClass, or mend --priority or LAUNCHER_PRIORITY"
        yield presence_check(f"priority {options.priority}", found, remedy)


def secret_checks(cluster: Cluster, options: JobOptions) -> Iterator[Check]:
    """Of each that the Jobs name."""
    create = f"kubectl -n {cluster.namespace} create secret"
    for name in options.secrets:
        remedy = f"{create} generic {name} --from-env-file=FILE, or mend LAUNCHER_SECRETS"
        yield presence_check(f"secret {name}", cluster.has("secrets", name), remedy)
    for name in options.image_pull_secrets:
        remedy = f"{create} docker-registry {name}, or mend LAUNCHER_IMAGE_PULL_SECRETS"
        yield presence_check(f"image pull secret {name}", cluster.has("secrets", name), remedy)
