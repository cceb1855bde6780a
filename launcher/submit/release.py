"""Held cells become Jobs once their canary succeeded."""

from collections.abc import Sequence
from functools import partial

from launcher.cells.view import Held, Row
from launcher.command_line.request import refuse_other_numerics
from launcher.jobs.manifest import job_manifest
from launcher.servers.cluster import Cluster
from launcher.submit.canary import HoldRecord
from launcher.submit.handover import hand_over, raise_for_failure


def release(cluster: Cluster, record: HoldRecord, rows: Sequence[Row]) -> None:
    """Make the Jobs of the cells among `rows` whose canary succeeded, then strike those cells off the record.

    In this order: whoever is killed in between leaves cells that are released again, and whose Jobs are there already.
    """
    free = {row.task.cell.id: row.task for row in rows if isinstance(row.state, Held) and row.state.succeeded}
    if not free:
        return
    refuse_other_numerics(list(free.values()))
    orders = [
        partial(job_manifest, free[cell], record.run, hold.options, hold.template)
        for hold in record.read().holds
        for cell in hold.cells
        if cell in free
    ]
    raise_for_failure(hand_over(cluster, orders))
    record.let_go(free)
