"""A run: what one `submit` asked for, kept beside the results so that nobody has to remember its options."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.exits import BadInput
from contract.explain import one_line
from contract.keys import RUNS, run_key
from contract.result import SCHEMA
from contract.store import Reader, Store
from contract.task import Results, Task


class RecordedTask(Task):
    """A task that this version of the program would compute differently; its results keep the recorded fingerprint."""

    recorded_fingerprint: str = Field(exclude=True)

    def fingerprint(self) -> str:
        """The one that was recorded."""
        return self.recorded_fingerprint


class Run(BaseModel):
    """The resolved tasks of a run, less the address of the store that they are kept in."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = SCHEMA
    name: str
    tasks: tuple[dict[str, Any], ...]
    fingerprints: dict[str, str]
    """Cell id -> fingerprint, in the order of the grid."""

    @classmethod
    def of(cls, name: str, tasks: list[Task]) -> "Run":
        """`tasks` must be resolved (contract/revision.py)."""
        content = tuple(task.model_dump(mode="json", exclude={"results", "log"}, exclude_none=True) for task in tasks)
        return cls(name=name, tasks=content, fingerprints={task.cell.id: task.fingerprint() for task in tasks})

    def resolved_tasks(self, results_uri: str, *, unsafe: bool = False) -> list[Task]:
        """The tasks as they were asked for, under their recorded fingerprints, with their results at `results_uri`.

        Raises BadInput where this version of the program does not know a setting or a model any more.
        """
        try:
            results = Results(uri=results_uri, unsafe=unsafe)
            tasks = [Task.model_validate(task | {"results": results}) for task in self.tasks]
        except ValidationError as error:
            raise BadInput(f"{run_key(self.name)}: {one_line(error, Task)}") from error
        return [_under(self.fingerprints.get(task.cell.id), task) for task in tasks]

    def difference(self, other: "Run") -> str | None:
        """What `other` asks for that this run does not, in words; None when they ask for the same."""
        mine, theirs = self.fingerprints, other.fingerprints
        if mine == theirs:
            return None
        added = [cell for cell in theirs if cell not in mine]
        dropped = [cell for cell in mine if cell not in theirs]
        if added or dropped:
            return f"{len(added)} cells more, {len(dropped)} fewer (such as {(added or dropped)[0]})"
        changed = next(cell for cell in mine if mine[cell] != theirs[cell])
        before, after = self._fields(changed), other._fields(changed)
        for name in after:
            if before.get(name) != after[name]:
                return f"{name} was {before.get(name)}, now {after[name]} (in {changed})"
        return "this version of the program computes its cells differently"

    def _fields(self, cell_id: str) -> dict[str, Any]:
        tasks = self.resolved_tasks(results_uri="")
        return next(task.fingerprint_fields() for task in tasks if task.cell.id == cell_id)


def _under(fingerprint: str | None, task: Task) -> Task:
    if fingerprint in (None, task.fingerprint()):
        return task
    return RecordedTask.model_validate(dict(task) | {"recorded_fingerprint": fingerprint})


def record_run(store: Store, run: Run) -> None:
    """Keep the run under its name. Raises BadInput when the name already stands for something else."""
    if not store.publish(run_key(run.name), run.model_dump_json(indent=1).encode()):
        check_run(store, run)


def check_run(store: Store, run: Run) -> None:
    """Raises BadInput when the run's name already stands for something else."""
    recorded = load_run(store, run.name)
    difference = recorded.difference(run) if recorded else None
    if difference:
        raise BadInput(f"run {run.name!r} asks for something else: {difference}; choose another name with --run")


def load_run(store: Reader, name: str) -> Run | None:
    """The recorded run, or None when there is none. Raises BadInput when it cannot be read."""
    data = store.get(run_key(name))
    if data is None:
        return None
    try:
        version = json.loads(data).get("schema_version")
        if isinstance(version, int) and version > SCHEMA:
            raise BadInput(f"{run_key(name)} has schema version {version}; this program reads up to {SCHEMA}")
        return Run.model_validate_json(data, strict=True)
    except (ValueError, AttributeError, RecursionError) as error:
        raise BadInput(
            f"{run_key(name)} in {store.uri} cannot be read: it was cut short or edited; delete it, then submit again"
        ) from error


def run_names(store: Reader) -> list[str]:
    """The runs that are recorded here."""
    return [key.removeprefix(RUNS).removesuffix(".json") for key in store.list(RUNS)]
