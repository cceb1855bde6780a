"""Results that are there and cannot be trusted: a survey reads a listing only, by which their cells are done."""

from collections.abc import Sequence

from contract.keys import result_key
from contract.result import Unreadable
from contract.store import Store
from contract.task import Task
from launcher.cells.sample import read_each, spread
from launcher.command_line.talk import say

_READ = 96
"""Results of a run that are looked at, however many it has."""


def warn_of_damage(done: Sequence[Task], store: Store) -> None:
    """A line for each damaged result that is found."""
    keys = [result_key(task.cell.id, task.fingerprint()) for task in spread(done, _READ)]
    for key, result in read_each(keys, store):
        if isinstance(result, Unreadable):
            say(f"warning: {key} cannot be trusted: {result}; {result.way_out}")
