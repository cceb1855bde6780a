"""`cancel`: Jobs are deleted, held cells let go; results stay."""

import argparse
from collections.abc import Sequence

from contract.exits import INCOMPLETE, OK, ExitCode
from contract.store import Store
from launcher.command_line import request
from launcher.command_line.settings import cluster_settings
from launcher.command_line.talk import confirmed, out, print_json, say
from launcher.jobs.job import Job
from launcher.servers.cluster import Cluster
from launcher.show.words import counted
from launcher.submit.handover import delete
from launcher.verbs.cluster.rows import jobs_of, record_of, tell_of_others


def cancel(args: argparse.Namespace, store: Store) -> ExitCode:
    """Delete the Jobs of the chosen cells. Results stay."""
    asked = request.from_run(args, store)
    chosen = {request.find_cell(asked.tasks, args.cell)} if args.cell else set(asked.chosen)
    cells = {task.cell.id for task in chosen}
    cluster = Cluster(cluster_settings(vars(args)))
    jobs = [job for job in jobs_of(cluster, asked.run) if job.cell in cells]
    if not jobs:
        tell_of_others(cluster, asked.run)
    record = record_of(cluster, asked.run, store)
    if not args.yes and not _agreed_to_cancel(jobs, record.held(cells), cluster.namespace):
        say("nothing was deleted")
        return INCOMPLETE
    let_go = record.let_go(cells)  # before the Jobs are looked at anew: what a `wait` releases meanwhile is deleted too
    deleted = delete(cluster, [job for job in cluster.jobs(asked.run) if job.cell in cells])
    if args.json:
        told = [{"cell": job.cell, "job": job.name} for job in deleted]
        print_json({"run": asked.run, "deleted": told, "no_longer_held": let_go})
        return OK
    for job in deleted:
        out(f"deleted  {job.name}")
    for cell in let_go:
        out(f"let go   {cell}: it was held, and gets no Job")
    out(f"{counted(len(deleted), 'Job')} of run {asked.run} deleted in namespace {cluster.namespace}; results stay")
    return OK


def _agreed_to_cancel(jobs: Sequence[Job], held: Sequence[str], namespace: str) -> bool:
    """Asks only where there is something to lose, which it lists."""
    for job in jobs:
        say(f"delete   {job.name}{'' if job.end else ': goes on'}")
    for cell in held:
        say(f"let go   {cell}: held, no Job yet")
    if not jobs and not held:
        return True
    told = [f"delete {counted(len(jobs), 'Job')} in namespace {namespace}"] if jobs else []
    told += [f"let go {counted(len(held), 'held cell')}"] if held else []
    return confirmed(f"{' and '.join(told)}?")
