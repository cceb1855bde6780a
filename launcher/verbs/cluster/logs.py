"""`logs` on a cluster."""

import argparse
import codecs
import sys
from collections.abc import Iterator

from contract.exits import OK, ExitCode
from contract.printable import printable
from contract.store import Store
from launcher.cells.log import latest_log
from launcher.command_line import request
from launcher.command_line.settings import cluster_settings
from launcher.command_line.talk import say
from launcher.servers.answers import ClusterFailed, NoAccess, NoCluster
from launcher.servers.cluster import Cluster
from launcher.verbs.cluster.rows import rows_of


def logs(args: argparse.Namespace, store: Store) -> ExitCode:
    """The log of the cell's pod; where there is no pod any more, or no cluster, the store's."""
    asked = request.from_run(args, store)
    task = request.find_cell(asked.tasks, args.cell)
    log = _pod_log(args, request.Request(asked.run, asked.tasks, [task]), store)
    for text in codecs.iterdecode(log, "utf-8", "replace"):
        sys.stdout.buffer.write(printable(text).encode())
        sys.stdout.buffer.flush()
    return OK


def _pod_log(args: argparse.Namespace, asked: request.Request, store: Store) -> Iterator[bytes]:
    (task,) = asked.chosen
    try:
        cluster = Cluster(cluster_settings(vars(args)))
        pod = rows_of(cluster, asked, store)[0].pod
        log = cluster.log(pod, follow=args.follow) if pod else None
    except (NoCluster, NoAccess, ClusterFailed) as error:
        say(f"from the store: {error}")
        log = None
    return log if log is not None else iter([latest_log(task, store).encode()])
