"""What store and cluster say about the cells of a request."""

from contract.store import Store
from contract.survey import survey
from launcher.cells.pod_failures import Keeper
from launcher.cells.view import Row, join
from launcher.command_line import request
from launcher.command_line.talk import say
from launcher.jobs.job import Job
from launcher.servers.cluster import Cluster
from launcher.submit.canary import HoldRecord, as_held


def rows_of(cluster: Cluster, asked: request.Request, store: Store) -> list[Row]:
    """One a chosen cell."""
    holds = record_of(cluster, asked.run, store).read()  # before the Jobs: see submit/canary.py
    jobs, pods = jobs_of(cluster, asked.run), cluster.pods(asked.run)
    canaries = [task for task in asked.tasks if task.cell.id in holds.canaries and task not in asked.chosen]
    tasks = [*asked.chosen, *canaries]
    rows = join(tasks, survey(tasks, store), jobs, pods)
    return as_held(rows, holds)[: len(asked.chosen)]


def kept_rows(cluster: Cluster, asked: request.Request, store: Store, keeper: Keeper) -> list[Row]:
    """The same; how pods ended is kept in the store."""
    rows = rows_of(cluster, asked, store)
    keeper.keep(rows)
    return rows


def jobs_of(cluster: Cluster, run: str) -> list[Job]:
    """Raises NoAccess for a namespace that is not there, rather than to say that it has none."""
    jobs = cluster.jobs(run)
    if not jobs:
        cluster.check_namespace()
    return jobs


def record_of(cluster: Cluster, run: str, store: Store) -> HoldRecord:
    """Of the run's held cells, in the namespace and by the owner that the cluster is asked for."""
    return HoldRecord(store, run, cluster.namespace, cluster.owner)


def tell_of_others(cluster: Cluster, run: str) -> None:
    """Where we have no Jobs: somebody who took another name than before looks for their own."""
    for owner in cluster.other_owners(run):
        say(f"run {run} has Jobs of owner {owner} in namespace {cluster.namespace}: --owner {owner} if that is you")
