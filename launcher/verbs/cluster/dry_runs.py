"""What a submit would make: printed, or asked of the API server. Nothing is written."""

import argparse
import json
import sys
from typing import Any

import yaml

from contract.exits import OK, BadInput, ExitCode, StoreFailed
from contract.store import Store
from contract.survey import Missing
from launcher.cells.plan import plan
from launcher.cells.submission import prepare, refuse_a_folder
from launcher.command_line import request
from launcher.command_line.settings import ClusterSettings, job_options
from launcher.command_line.talk import out, print_json, say
from launcher.jobs.creation import Conflict
from launcher.jobs.manifest import job_manifest, load_template
from launcher.servers.cluster import Cluster
from launcher.show.words import counted, table
from launcher.submit.canary import Holds, hold_back
from launcher.submit.handover import Refused, expected_outcome, rehearse
from launcher.submit.image import ask_registry, resolve_image
from launcher.verbs.cluster.making import job_document, refuse_too_many, with_image

Manifests = list[dict[str, Any]]


def dry_run(args: argparse.Namespace, store: Store, settings: ClusterSettings) -> ExitCode:
    """Print the Jobs."""
    _, manifests = _rehearsed(args, store, settings)
    _print_manifests("json" if args.json else args.output or "yaml", manifests)
    return OK


def server_dry_run(args: argparse.Namespace, store: Store, settings: ClusterSettings) -> ExitCode:
    """Print what the API server says to each Job. Raises BadInput when it would refuse one."""
    run, manifests = _rehearsed(args, store, settings)
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


def _rehearsed(args: argparse.Namespace, store: Store, settings: ClusterSettings) -> tuple[str, Manifests]:
    """The run and the Jobs that a submit would make, without writing; every cell's where the store cannot be asked."""
    refuse_a_folder(store)
    options = job_options(vars(args))
    template = load_template(options.template)
    try:
        submission = prepare(args, store)
        run, steps = submission.run.name, submission.steps
        image = resolve_image(options.image, run, store)
    except StoreFailed as error:
        say(f"warning: {error}; every cell is shown")
        asked = request.from_grid(args, store)
        run, steps = asked.run, plan(asked.chosen, [Missing()] * len(asked.chosen))
        image = ask_registry(options.image)
    to_run = [step.task for step in steps if step.runs]
    refuse_too_many(to_run, settings, vars(args))
    pinned = with_image(options, image)
    held = hold_back(steps, pinned, template) if args.canary else Holds()
    return run, [job_manifest(task, run, pinned, template) for task in to_run if task.cell.id not in held.canary_of]


def _print_manifests(form: str, manifests: Manifests) -> None:
    match form:
        case "name":
            for each in manifests:
                out(f"job.batch/{each['metadata']['name']}")
        case "json":
            out(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}, indent=1))
        case _:
            yaml.safe_dump_all(manifests, sys.stdout, sort_keys=False)
