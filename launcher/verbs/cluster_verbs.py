"""The verbs on a cluster: submit, status, wait, cancel, retry, logs. The store stays the truth about what is done."""

import argparse
import codecs
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import yaml

from contract.exits import INCOMPLETE, OK, BadInput, ExitCode, StoreFailed
from contract.printable import printable
from contract.run import record_run
from contract.store import Store
from contract.survey import Failed, Lost, Missing, survey
from contract.task import Task
from launcher.cells.plan import Step, plan
from launcher.cells.pod_failures import Keeper
from launcher.cells.submission import Submission, prepare, refuse_a_folder
from launcher.cells.view import Held, Row, Stuck, all_done, join
from launcher.command_line import request
from launcher.command_line.job_options import JobOptions
from launcher.command_line.settings import (
    ClusterSettings,
    JobSettings,
    PriceSettings,
    as_given,
    cluster_settings,
    draft_options,
    job_options,
    price_settings,
)
from launcher.command_line.talk import confirmed, out, print_json, say
from launcher.costs.places import Places, ask_cluster, on_cluster
from launcher.costs.price import Price, price_plan, refuse_too_dear
from launcher.costs.review import keep_expectation, review
from launcher.jobs.creation import Conflict
from launcher.jobs.ends import Broken
from launcher.jobs.manifest import Template, job_manifest, load_template
from launcher.jobs.objects import Job
from launcher.preflight.needs import warn_of_missing
from launcher.servers.answers import ClusterFailed, NoAccess, NoCluster
from launcher.servers.cluster import Cluster
from launcher.show.plans import plan_text
from launcher.show.reviews import review_text
from launcher.show.screen import screen_or_lines
from launcher.show.states import rows_document, rows_table, status_of, totals
from launcher.show.waiting import Display, Lines, wait_for
from launcher.show.words import counted, table
from launcher.submit.canary import HoldRecord, Holds, as_held, hold_back
from launcher.submit.handover import Met, Order, Refused, check, delete, expected_outcome, hand_over, outcome, rehearse
from launcher.submit.image import ask_registry, pin_image, resolve_image
from launcher.submit.release import release
from launcher.verbs.logs import latest_log

Manifests = list[dict[str, Any]]


def submit(args: argparse.Namespace, store: Store) -> ExitCode:
    """Hand what is missing over to the cluster, and come back; with --wait when the cells are done or cannot be."""
    if args.timeout is not None and not args.wait:
        raise BadInput("--timeout ends the waiting for Jobs: add --wait")
    settings = cluster_settings(vars(args))
    if args.dry_run:
        return _dry_run(args, store, settings)
    if args.server_dry_run:
        return _server_dry_run(args, store, settings)
    refuse_a_folder(store)
    options, prices = job_options(vars(args)), price_settings(vars(args))
    store.check_writable()
    submission, found = prepare(args, store), list[Job]()
    cluster = Cluster(settings) if submission.to_run else None
    if cluster is not None:
        submission, found = _with_ends(submission, cluster, store)
    steps = _without_job(submission.steps, found)
    to_make = [step.task for step in steps if step.runs]
    price = price_plan(steps, store, places(args, prices, steps, cluster), prices)
    say(plan_text(submission.steps, price))
    _refuse_too_many(to_make, settings, vars(args))
    refuse_too_dear(price, prices, vars(args))
    if going_on := len(submission.to_run) - len(to_make):
        say(f"{going_on} of these have a Job that goes on; {len(to_make)} to make")
    if cluster is None or not submission.to_run:
        _print_jobs(args, submission.run.name, settings.namespace, [])
    elif not args.yes and not _agreed(args, len(to_make), settings.namespace):
        say("nothing was made")
        return INCOMPLETE
    else:
        _start(args, submission, price, found, cluster, options, store)
    return _wait(args, submission.asked, store, Lines()) if args.wait else OK


def places(
    args: argparse.Namespace, prices: PriceSettings, steps: Sequence[Step], cluster: Cluster | None = None
) -> Places:
    """On which GPUs the cells would run: as many as the user says, else those of the cluster if something runs."""
    models = {step.task.cell.model for step in steps if step.runs}
    if prices.gpus is not None or not models:
        return on_cluster(prices.gpus)
    options = draft_options(vars(args))
    return ask_cluster(
        lambda: cluster or Cluster(cluster_settings(vars(args))), options, load_template(options.template), models
    )


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


def _start(
    args: argparse.Namespace,
    submission: Submission,
    price: Price,
    found: Sequence[Job],
    cluster: Cluster,
    options: JobSettings,
    store: Store,
) -> None:
    run, to_run = submission.run.name, submission.to_run
    template = load_template(options.template)
    warn_of_missing(cluster, options, template)
    pinned = _with_image(options, pin_image(options.image, run, store))
    held = hold_back(submission.steps, pinned, template, {job.cell for job in found}) if args.canary else Holds()
    record_run(store, submission.run)
    keep_expectation(price, run, store, datetime.now(UTC))
    _record(cluster, run, store).replace({task.cell.id for task in to_run}, held)
    now = [task for task in to_run if task.cell.id not in held.canary_of]
    _hand_over(args, cluster, run, _orders(now, run, pinned, template), found, list(held.canary_of))


def status(args: argparse.Namespace, store: Store) -> ExitCode:
    """Show each cell's state; by the store alone where the cluster does not tell."""
    asked = request.from_run(args, store)
    if args.watch:
        return _wait(args, asked, store, screen_or_lines(store, "gpu"))
    return _report(args, asked, _rows_or_store(args, asked, store), store)


def cancel(args: argparse.Namespace, store: Store) -> ExitCode:
    """Delete the Jobs of the chosen cells. Results stay."""
    asked = request.from_run(args, store)
    chosen = {request.find_cell(asked.tasks, args.cell)} if args.cell else set(asked.chosen)
    cells = {task.cell.id for task in chosen}
    cluster = Cluster(cluster_settings(vars(args)))
    jobs = [job for job in _jobs(cluster, asked.run) if job.cell in cells]
    if not jobs:
        _tell_of_others(cluster, asked.run)
    record = _record(cluster, asked.run, store)
    if not args.yes and not _agreed_to_cancel(jobs, record.held(cells), cluster.namespace):
        say("nothing was deleted")
        return INCOMPLETE
    let_go = record.let_go(cells)  # before the Jobs are looked at anew: what a `wait` releases meanwhile is deleted too
    deleted = delete(cluster, [job for job in cluster.jobs(asked.run) if job.cell in cells])
    if args.json:
        told = [{"cell": job.cell, "job": job.name} for job in deleted]
        print_json({"run": asked.run, "deleted": told, "no_longer_held": let_go})
        return OK
    for job in deleted:
        out(f"deleted  {job.name}")
    for cell in let_go:
        out(f"let go   {cell}: it was held, and gets no Job")
    out(f"{counted(len(deleted), 'Job')} of run {asked.run} deleted in namespace {cluster.namespace}; results stay")
    return OK


def _agreed_to_cancel(jobs: Sequence[Job], held: Sequence[str], namespace: str) -> bool:
    """Asks only where there is something to lose, which it lists."""
    for job in jobs:
        say(f"delete   {job.name}{'' if job.end else ': goes on'}")
    for cell in held:
        say(f"let go   {cell}: held, no Job yet")
    if not jobs and not held:
        return True
    told = [f"delete {counted(len(jobs), 'Job')} in namespace {namespace}"] if jobs else []
    told += [f"let go {counted(len(held), 'held cell')}"] if held else []
    return confirmed(f"{' and '.join(told)}?")


def wait(args: argparse.Namespace, store: Store) -> ExitCode:
    """Return when all cells are done, or the rest cannot finish by itself."""
    return _wait(args, request.from_run(args, store), store, Lines())


def retry(args: argparse.Namespace, store: Store) -> ExitCode:
    """Make the Jobs of failed and lost cells anew, also where a retry is not expected to help."""
    refuse_a_folder(store)
    store.check_writable()
    asked = request.from_run(args, store)
    settings, options = cluster_settings(vars(args)), job_options(vars(args))
    template, cluster = load_template(options.template), Cluster(settings)
    rows = _rows(cluster, asked, store)
    again = [row for row in rows if isinstance(row.state, Broken | Failed | Lost)]
    if not again:
        _tell_nothing_to_retry(args, asked.run, settings.namespace, rows)
        return OK
    request.refuse_other_numerics([row.task for row in again])
    _refuse_too_many([row.task for row in again], settings, vars(args))
    say(f"{len(again)} of {counted(len(rows), 'cell')} failed or were lost: making their Jobs anew")
    pinned = _with_image(options, pin_image(options.image, asked.run, store))
    orders = _orders([row.task for row in again], asked.run, pinned, template)
    _hand_over(args, cluster, asked.run, orders, found=[row.job for row in again if row.job is not None])
    return OK


def _tell_nothing_to_retry(args: argparse.Namespace, run: str, namespace: str, rows: Sequence[Row]) -> None:
    """With what helps the cells that get no further by themselves."""
    say(f"nothing to retry: {counted(len(rows), 'cell')}: {totals([row.state for row in rows])}")
    for row in rows:
        if isinstance(row.state, Stuck | Held):
            status = status_of(row.state)
            say(f"{status.state:<8} {row.task.cell.id}: {status.detail}")
    _print_jobs(args, run, namespace, [])


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
        pod = _rows(cluster, asked, store)[0].pod
        log = cluster.log(pod, follow=args.follow) if pod else None
    except (NoCluster, NoAccess, ClusterFailed) as error:
        say(f"from the store: {error}")
        log = None
    return log if log is not None else iter([latest_log(task, store).encode()])


def _refuse_too_many(tasks: Sequence[Task], settings: ClusterSettings, given: Mapping[str, Any]) -> None:
    if len(tasks) > settings.max_cells:
        raise BadInput(
            f"{len(tasks)} cells are more than {as_given('max_cells', settings.max_cells, given)}; "
            "choose some with --only, or raise it"
        )


def _dry_run(args: argparse.Namespace, store: Store, settings: ClusterSettings) -> ExitCode:
    _, manifests = _rehearsed(args, store, settings)
    _print_manifests("json" if args.json else args.output or "yaml", manifests)
    return OK


def _server_dry_run(args: argparse.Namespace, store: Store, settings: ClusterSettings) -> ExitCode:
    run, manifests = _rehearsed(args, store, settings)
    answers = rehearse(Cluster(settings), manifests)
    told = [_told(each, *expected_outcome(each.creation)) for each in answers]
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
    _refuse_too_many(to_run, settings, vars(args))
    pinned = _with_image(options, image)
    held = hold_back(steps, pinned, template) if args.canary else Holds()
    return run, [job_manifest(task, run, pinned, template) for task in to_run if task.cell.id not in held.canary_of]


def _with_image(options: JobOptions, image: str) -> JobOptions:
    return options.model_copy(update={"image": image})


def _record(cluster: Cluster, run: str, store: Store) -> HoldRecord:
    return HoldRecord(store, run, cluster.namespace, cluster.owner)


def _orders(tasks: Sequence[Task], run: str, options: JobOptions, template: Template) -> list[Order]:
    return [partial(job_manifest, task, run, options, template) for task in tasks]


def _print_manifests(form: str, manifests: Manifests) -> None:
    match form:
        case "name":
            for each in manifests:
                out(f"job.batch/{each['metadata']['name']}")
        case "json":
            out(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}, indent=1))
        case _:
            yaml.safe_dump_all(manifests, sys.stdout, sort_keys=False)


def _hand_over(
    args: argparse.Namespace,
    cluster: Cluster,
    run: str,
    orders: Sequence[Order],
    found: Sequence[Job],
    held: Sequence[str] = (),
) -> None:
    handed = hand_over(cluster, orders, found)
    _print_jobs(args, run, cluster.namespace, handed.met, held)
    jobs = counted(len(orders), "Job")
    if handed.there < len(orders):
        say(f"in namespace {cluster.namespace}: {handed.there} of {jobs} of run {run}")
    check(handed)
    if not args.json:
        out(f"in namespace {cluster.namespace}: {jobs} of run {run}; see `status`")
        if held:
            waiting = counted(len(held), "cell")
            out(f"{waiting} held until the canary succeeded; `wait` or `status --watch` then makes the Jobs")


def _print_jobs(
    args: argparse.Namespace,
    run: str,
    namespace: str,
    made: Sequence[Met],
    held: Sequence[str] = (),
) -> None:
    """For machines, unless what `wait` prints follows."""
    if args.json and not args.wait:
        told = [_told(each, *outcome(each.creation)) for each in made]
        print_json({"run": run, "namespace": namespace, "jobs": told, "held": list(held)})


def _told(met: Met, word: str, words: str) -> dict[str, str]:
    return {"cell": met.cell, "job": met.job, "outcome": word, "detail": words}


def _wait(args: argparse.Namespace, asked: request.Request, store: Store, display: Display) -> ExitCode:
    rows = join(asked.chosen, survey(asked.chosen, store))
    if not _all_done(rows):
        cluster, keeper = Cluster(cluster_settings(vars(args))), Keeper(store)

        def look() -> list[Row]:
            rows = _kept_rows(cluster, asked, store, keeper)
            release(cluster, _record(cluster, asked.run, store), rows)
            return rows

        rows = wait_for(look, args.timeout, display)
    return _report(args, asked, rows, store)


def _rows_or_store(args: argparse.Namespace, asked: request.Request, store: Store) -> list[Row]:
    try:
        cluster = Cluster(cluster_settings(vars(args)))
        rows = _kept_rows(cluster, asked, store, Keeper(store))
        if not _all_done(rows) and not any(row.job for row in rows):
            _tell_of_others(cluster, asked.run)
        return rows
    except (NoCluster, NoAccess, ClusterFailed) as error:
        say(f"by the store alone: {error}")
        return join(asked.chosen, survey(asked.chosen, store))


def _kept_rows(cluster: Cluster, asked: request.Request, store: Store, keeper: Keeper) -> list[Row]:
    rows = _rows(cluster, asked, store)
    keeper.keep(rows)
    return rows


def _rows(cluster: Cluster, asked: request.Request, store: Store) -> list[Row]:
    holds = _record(cluster, asked.run, store).read()  # before the Jobs: see submit/canary.py
    jobs, pods = _jobs(cluster, asked.run), cluster.pods(asked.run)
    canaries = [task for task in asked.tasks if task.cell.id in holds.canaries and task not in asked.chosen]
    tasks = [*asked.chosen, *canaries]
    rows = join(tasks, survey(tasks, store), jobs, pods)
    return as_held(rows, holds)[: len(asked.chosen)]


def _jobs(cluster: Cluster, run: str) -> list[Job]:
    """Raises NoAccess for a namespace that is not there, rather than to say that it has none."""
    jobs = cluster.jobs(run)
    if not jobs:
        cluster.check_namespace()
    return jobs


def _tell_of_others(cluster: Cluster, run: str) -> None:
    """Where we have no Jobs: somebody who took another name than before looks for their own."""
    for owner in cluster.other_owners(run):
        say(f"run {run} has Jobs of owner {owner} in namespace {cluster.namespace}: --owner {owner} if that is you")


def _report(args: argparse.Namespace, asked: request.Request, rows: Sequence[Row], store: Store) -> ExitCode:
    now = datetime.now(UTC)
    reviewed = review(asked.run, store, [row.task for row in rows]) if _all_done(rows) else None
    if args.json:
        print_json(rows_document(asked.run, rows, now, reviewed))
    else:
        out(rows_table(rows, now))
        if reviewed:
            out(review_text(reviewed))
        out(f"{counted(len(rows), 'cell')}: {totals([row.state for row in rows])}")
    return OK if _all_done(rows) else INCOMPLETE


def _all_done(rows: Sequence[Row]) -> bool:
    return all_done(row.state for row in rows)


VERBS: dict[str, Callable[[argparse.Namespace, Store], ExitCode]] = {
    "submit": submit,
    "status": status,
    "wait": wait,
    "cancel": cancel,
    "retry": retry,
    "logs": logs,
}
