"""`submit` on a cluster: what is missing becomes Jobs, once somebody has agreed."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from contract.exits import INCOMPLETE, OK, BadInput, ExitCode
from contract.run import record_run
from contract.store import Store
from contract.survey import survey
from contract.task import Task
from launcher.cells.ends import Broken
from launcher.cells.plan import Step, plan
from launcher.cells.submission import Submission, prepare, refuse_a_folder
from launcher.cells.view import join
from launcher.command_line.settings import (
    ClusterSettings,
    JobSettings,
    PriceSettings,
    cluster_settings,
    fuse_settings,
    job_options,
    price_settings,
)
from launcher.command_line.talk import confirmed, say
from launcher.costs.fuse import refuse, too_many_or_dear
from launcher.costs.places import cluster_places
from launcher.costs.price import Price, price_plan
from launcher.costs.review import keep_expectation
from launcher.jobs.job import Job
from launcher.jobs.manifest import load_template
from launcher.preflight.needs import warn_of_missing
from launcher.servers.cluster import Cluster
from launcher.show.plans import plan_text
from launcher.show.waiting import Lines
from launcher.show.words import counted
from launcher.submit.canary import Holds, hold_back
from launcher.submit.image import pin_image
from launcher.verbs.cluster.dry_runs import dry_run, server_dry_run
from launcher.verbs.cluster.follow import follow
from launcher.verbs.cluster.making import make_jobs, orders_for, print_jobs, with_image
from launcher.verbs.cluster.rows import record_of


def submit(args: argparse.Namespace, store: Store) -> ExitCode:
    """Hand what is missing over to the cluster, and come back; with --wait when the cells are done or cannot be."""
    if args.timeout is not None and not args.wait:
        raise BadInput("--timeout ends the waiting for Jobs: add --wait")
    settings = cluster_settings(vars(args))
    if args.dry_run:
        return dry_run(args, store)
    if args.server_dry_run:
        return server_dry_run(args, store, settings)
    refuse_a_folder(store)
    options, prices, fuse = job_options(vars(args)), price_settings(vars(args)), fuse_settings(vars(args))
    store.check_writable()
    offer = _offer(args, store, settings, prices)
    _tell(offer)
    refuse(too_many_or_dear(offer.price, fuse, vars(args)))
    if offer.cluster is None or not offer.submission.to_run:
        print_jobs(args, offer.submission.run.name, settings.namespace, [])
    elif not args.yes and not _agreed(args, len(offer.price.cells), settings.namespace):
        say("nothing was made")
        return INCOMPLETE
    else:
        _start(args, offer, offer.cluster, options, store)
    return follow(args, offer.submission.asked, store, Lines()) if args.wait else OK


@dataclass(frozen=True)
class _Offer:
    """What a submit would do."""

    submission: Submission
    found: Sequence[Job]
    """The run's Jobs."""
    price: Price
    """Of the cells whose Jobs are to be made: those that run, less those whose Job goes on."""
    cluster: Cluster | None
    """None where nothing runs, and no cluster is needed."""


def _offer(args: argparse.Namespace, store: Store, settings: ClusterSettings, prices: PriceSettings) -> _Offer:
    submission, found = prepare(args, store), list[Job]()
    cluster = Cluster(settings) if submission.to_run else None
    if cluster is not None:
        submission, found = _with_ends(submission, cluster, store)
    steps = _without_job(submission.steps, found)
    price = price_plan(steps, store, cluster_places(vars(args), prices, steps, cluster), prices)
    return _Offer(submission, found, price, cluster)


def _tell(offer: _Offer) -> None:
    to_make = len(offer.price.cells)
    say(plan_text(offer.submission.steps, offer.price))
    if going_on := len(offer.submission.to_run) - to_make:
        say(f"{going_on} of these have a Job that goes on; {to_make} to make")


def _with_ends(submission: Submission, cluster: Cluster, store: Store) -> tuple[Submission, list[Job]]:
    """The run's Jobs, and the plan by how they ended, which the store need not know; those that go on need no look."""
    asked = submission.asked
    jobs = cluster.jobs(asked.run)
    if all(job.end is None for job in jobs):
        return submission, jobs
    pods = cluster.pods(asked.run)
    rows = join(asked.chosen, survey(asked.chosen, store), jobs, pods)
    states = [row.state if isinstance(row.state, Broken) else row.stored for row in rows]
    return replace(submission, steps=plan(asked.chosen, states)), jobs


def _without_job(steps: Sequence[Step], found: Sequence[Job]) -> list[Step]:
    """The steps, but that nothing is to be started where a Job goes on."""
    going_on = {job.work for job in found if job.end is None and not job.terminating}

    def goes_on(task: Task) -> bool:
        return (task.cell.id, task.fingerprint(), task.results.uri) in going_on

    return [replace(step, runs=step.runs and not goes_on(step.task)) for step in steps]


def _agreed(args: argparse.Namespace, jobs: int, namespace: str) -> bool:
    order = ", the canaries first" if args.canary else ""
    return not jobs or confirmed(f"make {counted(jobs, 'Job')} in namespace {namespace}{order}?")


def _start(args: argparse.Namespace, offer: _Offer, cluster: Cluster, options: JobSettings, store: Store) -> None:
    submission, run = offer.submission, offer.submission.run.name
    template = load_template(options.template)
    warn_of_missing(cluster, options, template)
    pinned = with_image(options, pin_image(options.image, run, store))
    there = {job.cell for job in offer.found}
    held = hold_back(submission.steps, pinned, template, there) if args.canary else Holds()
    record_run(store, submission.run)
    keep_expectation(offer.price, run, store, datetime.now(UTC))
    record_of(cluster, run, store).replace({task.cell.id for task in submission.to_run}, held)
    now = [task for task in submission.to_run if task.cell.id not in held.canary_of]
    make_jobs(args, cluster, run, orders_for(now, run, pinned, template), offer.found, list(held.canary_of))
