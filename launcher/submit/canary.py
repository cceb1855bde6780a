"""Canaries: of each model the cheapest cell goes first, the rest is held until that one succeeded.

Nothing of this is in the cluster: what is held is a record in the store, and whoever waits for the run makes the Jobs
when their time has come. The record is read before the Jobs and rewritten after they were made, so that a cell is in
one of the two at any moment; of two launchers that do it at once the second finds the Jobs there.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from contract.exits import BadInput
from contract.explain import one_line
from contract.keys import held_key
from contract.store import Store
from contract.survey import Done, Missing, Running
from contract.task import Task
from launcher.cells.effort import comments_to_train
from launcher.cells.plan import Step
from launcher.cells.view import Held, Row, is_final
from launcher.command_line.job_options import JobOptions


class Hold(BaseModel):
    """The cells of a model that wait for its canary, by id, and the way in which all of their Jobs are made."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    canary: str
    cells: tuple[str, ...]
    options: JobOptions
    """Secrets by name, as everywhere."""
    template: dict[str, Any]


class Holds(BaseModel):
    """What an owner holds of a run in a namespace."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    holds: tuple[Hold, ...] = ()

    @property
    def canary_of(self) -> dict[str, str]:
        """Held cell -> the canary that it waits for."""
        return {cell: hold.canary for hold in self.holds for cell in hold.cells}

    @property
    def canaries(self) -> set[str]:
        """The cells that others wait for."""
        return {hold.canary for hold in self.holds}

    def less(self, cells: Collection[str]) -> "Holds":
        """Without these cells."""
        left = [
            hold.model_copy(update={"cells": tuple(c for c in hold.cells if c not in cells)}) for hold in self.holds
        ]
        return Holds(holds=tuple(hold for hold in left if hold.cells))


def behind_canaries(steps: Sequence[Step]) -> dict[str, list[Task]]:
    """Id of a model's canary, its cell with the fewest comments to train on and the fewest labels -> its other cells.

    Of cells that run. A model with a finished cell has no need of a canary.
    """
    proven = {step.task.cell.model for step in steps if step.action == "reuse"}
    models: dict[str, list[Task]] = defaultdict(list)
    for step in steps:
        if step.runs and step.task.cell.model not in proven:
            models[step.task.cell.model].append(step.task)
    cheapest = [min(tasks, key=lambda task: (comments_to_train(task), task.cell.labels)) for tasks in models.values()]
    return {first.cell.id: [task for task in models[first.cell.model] if task != first] for first in cheapest}


def hold_back(
    steps: Sequence[Step], options: JobOptions, template: dict[str, Any], there: Collection[str] = ()
) -> Holds:
    """The cells that wait for a canary, but for those that have a Job, `there`, already."""
    cells = {
        canary: tuple(task.cell.id for task in tasks if task.cell.id not in there)
        for canary, tasks in behind_canaries(steps).items()
    }
    return Holds(
        holds=tuple(
            Hold(canary=canary, cells=waiting, options=options, template=template)
            for canary, waiting in cells.items()
            if waiting
        )
    )


def as_held(rows: Sequence[Row], holds: Holds) -> list[Row]:
    """The rows, with `Held` for a held cell that has no Job. The canaries should be among them."""
    states = {row.task.cell.id: row.state for row in rows}
    canary_of = holds.canary_of

    def seen(row: Row) -> Row:
        canary = canary_of.get(row.task.cell.id)
        if canary is None or row.job is not None or isinstance(row.state, Done | Running):
            return row
        state = states.get(canary, Missing())
        succeeded = isinstance(state, Done) if is_final(state) else None
        return replace(row, state=Held(canary, succeeded))

    return [seen(row) for row in rows]


@dataclass(frozen=True)
class HoldRecord:
    """Where it is kept what an owner holds of a run in a namespace."""

    store: Store
    run: str
    namespace: str
    owner: str

    def read(self) -> Holds:
        """What is held; nothing where there is no record. Raises BadInput when it cannot be read."""
        data = self.store.get(self._key)
        try:
            return Holds.model_validate_json(data) if data is not None else Holds()
        except ValidationError as error:
            words = f"cannot be read: {one_line(error, Holds)}; delete it, then submit again"
            raise BadInput(f"{self._key} in {self.store.uri} {words}") from error

    def replace(self, cells: Collection[str], held: Holds) -> list[str]:
        """Hold what `held` says, in place of whatever was held of `cells`; those of them that were."""
        before = self.read()
        after = Holds(holds=(*before.less(cells).holds, *held.holds))
        if after != before:
            self.store.put(self._key, after.model_dump_json(indent=1).encode())
        return [cell for cell in before.canary_of if cell in cells]

    def held(self, cells: Collection[str]) -> list[str]:
        """Those of these cells that are held."""
        return [cell for cell in self.read().canary_of if cell in cells]

    def let_go(self, cells: Collection[str]) -> list[str]:
        """Hold these cells no more; those of them that were."""
        return self.replace(cells, Holds())

    @property
    def _key(self) -> str:
        return held_key(self.run, self.namespace, self.owner)
