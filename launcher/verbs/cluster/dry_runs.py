"""What a submit would make: printed, or asked of the API server. Nothing is written."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from contract.exits import OK, BadInput, ExitCode, StoreFailed
from contract.store import Store
from contract.survey import Missing
from launcher.cells.plan import Step, plan
from launcher.cells.submission import prepare, refuse_a_folder
from launcher.command_line import request
from launcher.command_line.job_options import JobOptions
from launcher.command_line.settings import ClusterSettings, fuse_settings, job_options, price_settings
from launcher.command_line.talk import out, print_json, say
from launcher.costs.fuse import refuse, too_many_or_dear
from launcher.costs.places import on_cluster
from launcher.costs.price import Price, price_of, price_plan
from launcher.estimates.estimate import Estimator
from launcher.jobs.creation import Conflict
from launcher.jobs.manifest import job_manifest, load_template
from launcher.servers.cluster import Cluster
from launcher.show.words import counted, table
from launcher.submit.canary import Holds, hold_back
from launcher.submit.handover import Refused, expected_outcome, rehearse
from launcher.submit.image import ask_registry, resolve_image
from launcher.verbs.cluster.making import job_document, with_image

Manifests = list[dict[str, Any]]


def dry_run(args: argparse.Namespace, store: Store) -> ExitCode:
    """Print the Jobs."""
    _, manifests = _rehearsed(args, store)
    print_manifests("json" if args.json else args.output or "yaml", manifests)
    return OK


def server_dry_run(args: argparse.Namespace, store: Store, settings: ClusterSettings) -> ExitCode:
    """Print what the API server says to each Job. Raises BadInput when it would refuse one."""
    run, manifests = _rehearsed(args, store)
    answers = rehearse(Cluster(settings), manifests)
    told = [job_document(each, *expected_outcome(each.creation)) for each in answers]
    if args.json:
        print_json({"run": run, "namespace": settings.namespace, "jobs": told})
    else:
        out(table(("OUTCOME", "JOB", "DETAIL"), [(job["outcome"], job["job"], job["detail"]) for job in told]))
    if refused := sum(isinstance(each.creation, Conflict | Refused) for each in answers):
        raise BadInput(
            f"{refused} of {counted(len(answers), 'Job')} would be refused in namespace {settings.namespace}"
        )
    say(f"{counted(len(answers), 'Job')} of run {run} would be in namespace {settings.namespace}; nothing was made")
    return OK


def _rehearsed(args: argparse.Namespace, store: Store) -> tuple[str, Manifests]:
    """The run and the Jobs that a submit would make. Raises BadInput for what a submit refuses.

    No cluster is asked: a cell whose Job goes on counts as one to make.
    """
    refuse_a_folder(store)
    options, fuse = job_options(vars(args)), fuse_settings(vars(args))
    template = load_template(options.template)
    seen = _look(args, options, store)
    refuse(too_many_or_dear(seen.price, fuse, vars(args)))
    pinned = with_image(options, seen.image)
    held = hold_back(seen.steps, pinned, template) if args.canary else Holds()
    now = [step.task for step in seen.steps if step.runs and step.task.cell.id not in held.canary_of]
    return seen.run, [job_manifest(task, seen.run, pinned, template) for task in now]


@dataclass(frozen=True)
class _Seen:
    """What the store and the registry say."""

    run: str
    steps: Sequence[Step]
    price: Price
    image: str


def _look(args: argparse.Namespace, options: JobOptions, store: Store) -> _Seen:
    """With every cell, by the table of speeds, where the store cannot be asked."""
    try:
        submission = prepare(args, store)
        price = price_plan(submission.steps, store, on_cluster(None), price_settings(vars(args)))
        run = submission.run.name
        return _Seen(run, submission.steps, price, resolve_image(options.image, run, store))
    except StoreFailed as error:
        say(f"warning: {error}; every cell is shown")
        asked = request.from_grid(args, store)
        steps = plan(asked.chosen, [Missing()] * len(asked.chosen))
        price = price_of(steps, Estimator((), "gpu"), on_cluster(None), None)
        return _Seen(asked.run, steps, price, ask_registry(options.image))


def print_manifests(form: str, manifests: Manifests) -> None:
    """As names, as one JSON list, or as YAML."""
    match form:
        case "name":
            for each in manifests:
                out(f"job.batch/{each['metadata']['name']}")
        case "json":
            out(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}, indent=1))
        case _:
            yaml.safe_dump_all(manifests, sys.stdout, sort_keys=False)
