"""`status` and `wait` on a cluster."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from contract.exits import INCOMPLETE, OK, ExitCode
from contract.store import Store
from contract.survey import survey
from launcher.cells.damage import warn_of_damage
from launcher.cells.pod_failures import Keeper
from launcher.cells.view import Row, all_done, join
from launcher.command_line import request
from launcher.command_line.settings import cluster_settings
from launcher.command_line.talk import out, print_json, say
from launcher.costs.review import review
from launcher.servers.answers import ClusterFailed, NoAccess, NoCluster
from launcher.servers.cluster import Cluster
from launcher.show.reviews import review_text
from launcher.show.screen import screen_or_lines
from launcher.show.states import rows_document, rows_table, totals
from launcher.show.waiting import Display, Lines, wait_for
from launcher.show.words import counted
from launcher.submit.release import release
from launcher.verbs.cluster.rows import kept_rows, record_of, tell_of_others


def status(args: argparse.Namespace, store: Store) -> ExitCode:
    """Show each cell's state; by the store alone where the cluster does not tell."""
    asked = request.from_run(args, store)
    if args.watch:
        return follow(args, asked, store, screen_or_lines(store, "gpu"))
    return report(args, asked, _rows_or_store(args, asked, store), store)


def wait(args: argparse.Namespace, store: Store) -> ExitCode:
    """Return when all cells are done, or the rest cannot finish by itself."""
    return follow(args, request.from_run(args, store), store, Lines())


def follow(args: argparse.Namespace, asked: request.Request, store: Store, display: Display) -> ExitCode:
    """Show the cells until all are done or cannot be, and release those whose canary succeeded."""
    rows = join(asked.chosen, survey(asked.chosen, store))
    if not _all_done(rows):
        cluster, keeper = Cluster(cluster_settings(vars(args))), Keeper(store)

        def look() -> list[Row]:
            rows = kept_rows(cluster, asked, store, keeper)
            release(cluster, record_of(cluster, asked.run, store), rows)
            return rows

        rows = wait_for(look, args.timeout, display)
    return report(args, asked, rows, store)


def _rows_or_store(args: argparse.Namespace, asked: request.Request, store: Store) -> list[Row]:
    try:
        cluster = Cluster(cluster_settings(vars(args)))
        rows = kept_rows(cluster, asked, store, Keeper(store))
        if not _all_done(rows) and not any(row.job for row in rows):
            tell_of_others(cluster, asked.run)
        return rows
    except (NoCluster, NoAccess, ClusterFailed) as error:
        say(f"by the store alone: {error}")
        return join(asked.chosen, survey(asked.chosen, store))


def report(args: argparse.Namespace, asked: request.Request, rows: Sequence[Row], store: Store) -> ExitCode:
    """Print the cells as they were seen last; INCOMPLETE unless all are done."""
    now, tasks = datetime.now(UTC), [row.task for row in rows]
    if _all_done(rows):
        warn_of_damage(tasks, store)
    reviewed = review(asked.run, store, tasks) if _all_done(rows) else None
    if args.json:
        print_json(rows_document(asked.run, rows, now, reviewed))
    else:
        out(rows_table(rows, now))
        if reviewed:
            out(review_text(reviewed))
        out(f"{counted(len(rows), 'cell')}: {totals([row.state for row in rows])}")
    return OK if _all_done(rows) else INCOMPLETE


def _all_done(rows: Sequence[Row]) -> bool:
    return all_done(row.state for row in rows)
