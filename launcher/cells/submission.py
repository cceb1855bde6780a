"""What a submit is about to do, whatever the backend."""

import argparse
from dataclasses import dataclass

from contract.exits import BadInput
from contract.run import Run, check_run
from contract.store import Store
from contract.survey import survey
from contract.task import Task
from launcher.cells.plan import Step, plan
from launcher.command_line import request


@dataclass(frozen=True)
class Submission:
    """The request, the run to record, and a step for each chosen cell."""

    asked: request.Request
    run: Run
    steps: list[Step]

    @property
    def to_run(self) -> list[Task]:
        """The cells that a submit starts."""
        return [step.task for step in self.steps if step.runs]


def prepare(args: argparse.Namespace, store: Store) -> Submission:
    """Ask the store, and write nothing. Raises BadInput when the run's name stands for something else."""
    asked = request.from_grid(args, store)
    run = Run.of(asked.run, asked.tasks)
    check_run(store, run)
    return Submission(asked, run, plan(asked.chosen, survey(asked.chosen, store)))


def refuse_a_folder(store: Store) -> None:
    """Raises BadInput for a store that pods would not share."""
    if not store.uri.startswith("s3://"):
        raise BadInput(
            f"RESULTS_URI={store.uri} would be a folder inside each pod; give --results-uri s3://bucket/prefix, "
            "or run on this machine with --backend local"
        )
