"""`retry` on a cluster: failed and lost cells get new Jobs."""

import argparse
from collections.abc import Sequence

from contract.exits import OK, ExitCode
from contract.store import Store
from contract.survey import Failed, Lost
from launcher.cells.ends import Broken
from launcher.cells.submission import refuse_a_folder
from launcher.cells.view import Held, Row, Stuck
from launcher.command_line import request
from launcher.command_line.settings import cluster_settings, fuse_settings, job_options
from launcher.command_line.talk import say
from launcher.costs.fuse import refuse, too_many
from launcher.jobs.manifest import load_template
from launcher.servers.cluster import Cluster
from launcher.show.states import status_of, totals
from launcher.show.words import counted
from launcher.submit.image import pin_image
from launcher.verbs.cluster.making import make_jobs, orders_for, print_jobs, with_image
from launcher.verbs.cluster.rows import rows_of


def retry(args: argparse.Namespace, store: Store) -> ExitCode:
    """Make the Jobs of failed and lost cells anew, also where a retry is not expected to help."""
    refuse_a_folder(store)
    store.check_writable()
    asked = request.from_run(args, store)
    settings, options = cluster_settings(vars(args)), job_options(vars(args))
    template, cluster = load_template(options.template), Cluster(settings)
    rows = rows_of(cluster, asked, store)
    again = [row for row in rows if isinstance(row.state, Broken | Failed | Lost)]
    if not again:
        _tell_nothing_to_retry(args, asked.run, settings.namespace, rows)
        return OK
    request.refuse_other_numerics([row.task for row in again])
    refuse(too_many(len(again), fuse_settings(vars(args)), vars(args)))
    say(f"{len(again)} of {counted(len(rows), 'cell')} failed or were lost: making their Jobs anew")
    pinned = with_image(options, pin_image(options.image, asked.run, store))
    orders = orders_for([row.task for row in again], asked.run, pinned, template)
    make_jobs(args, cluster, asked.run, orders, found=[row.job for row in again if row.job is not None])
    return OK


def _tell_nothing_to_retry(args: argparse.Namespace, run: str, namespace: str, rows: Sequence[Row]) -> None:
    """With what helps the cells that get no further by themselves."""
    say(f"nothing to retry: {counted(len(rows), 'cell')}: {totals([row.state for row in rows])}")
    for row in rows:
        if isinstance(row.state, Stuck | Held):
            status = status_of(row.state)
            say(f"{status.state:<8} {row.task.cell.id}: {status.detail}")
    print_jobs(args, run, namespace, [])
