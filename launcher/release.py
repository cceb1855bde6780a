"""Held cells become Jobs once their canary succeeded."""

from collections.abc import Sequence

from launcher.canary import HoldRecord
from launcher.cluster import Cluster
from launcher.handover import check, hand_over, in_words
from launcher.manifest import job_manifest
from launcher.request import refuse_other_numerics
from launcher.talk import say
from launcher.view import Held, Row


def release(cluster: Cluster, record: HoldRecord, rows: Sequence[Row], connections: int) -> None:
    """Make the Jobs of the cells among `rows` whose canary succeeded, then strike those cells off the record.

    In this order: whoever is killed in between leaves cells that are released again, and whose Jobs are there already.
    """
    free = {row.task.cell.id: row.task for row in rows if isinstance(row.state, Held) and row.state.succeeded}
    if not free:
        return
    refuse_other_numerics(list(free.values()))
    manifests = [
        job_manifest(free[cell], record.run, hold.options, hold.template)
        for hold in record.read().holds
        for cell in hold.cells
        if cell in free
    ]
    creations = []
    for manifest, creation in hand_over(cluster, manifests, [], connections):
        say(in_words(manifest, creation))
        creations.append(creation)
    check(creations)
    record.let_go(free)
