"""The verbs on this machine: cells are processes, and the store alone says how far they are."""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from contract.exits import INCOMPLETE, OK, BadInput, ExitCode
from contract.printable import printable
from contract.processors import processors
from contract.run import record_run
from contract.store import Store
from contract.survey import Done, Failed, Lost, look, survey
from contract.task import Task
from launcher.cells.damage import warn_of_damage
from launcher.cells.log import latest_log
from launcher.cells.submission import Submission, prepare
from launcher.cells.view import State, all_done, join
from launcher.command_line import request
from launcher.command_line.settings import LauncherSettings, fuse_settings, price_settings
from launcher.command_line.talk import confirmed, out, print_json, say
from launcher.costs.fuse import refuse, too_dear
from launcher.costs.places import local_device, on_this_machine
from launcher.costs.price import price_plan
from launcher.costs.review import keep_expectation, review
from launcher.machine.gpus import visible_gpus
from launcher.show.plans import plan_text
from launcher.show.reviews import review_text
from launcher.show.screen import screen_or_lines
from launcher.show.states import status_document, status_rows, totals
from launcher.show.waiting import Display, Lines, wait_for
from launcher.show.words import counted, table
from launcher.submit.canary import behind_canaries


def submit(args: argparse.Namespace, settings: LauncherSettings, store: Store) -> ExitCode:
    """Run what is missing. Without a terminal, --yes stands for the answer."""
    if args.dry_run or args.server_dry_run:
        raise BadInput("a dry run is about Jobs: add --backend kubernetes; for local cells `plan` shows what would run")
    if args.timeout is not None:
        raise BadInput("--timeout ends the waiting for Jobs; local cells end with their submit (Ctrl-C)")
    store.check_writable()
    prices, submission = price_settings(vars(args)), prepare(args, store)
    workers = workers_for(args, settings, cells=len(submission.to_run))
    price = price_plan(submission.steps, store, on_this_machine(workers), prices)
    say(plan_text(submission.steps, price))
    refuse(too_dear(price, fuse_settings(vars(args)), vars(args)))
    if submission.to_run and not args.yes and not confirmed("run them?"):
        say("nothing was run")
        return INCOMPLETE
    command = settings.trainer()
    record_run(store, submission.run)
    keep_expectation(price, submission.run.name, store, datetime.now(UTC))
    to_run = _run_canaries(submission, store, command, workers) if args.canary else submission.to_run
    return _run_and_report(args, command, store, submission.asked, to_run, workers)


def retry(args: argparse.Namespace, settings: LauncherSettings, store: Store) -> ExitCode:
    """Run again what failed or was lost, also where a retry is not expected to help."""
    store.check_writable()
    asked = request.from_run(args, store)
    states = zip(asked.chosen, survey(asked.chosen, store), strict=True)
    to_run = [task for task, state in states if isinstance(state, Failed | Lost)]
    request.refuse_other_numerics(to_run)
    say(
        f"{len(to_run)} of {counted(len(asked.chosen), 'cell')} failed or were lost"
        + (": running them again" if to_run else "")
    )
    workers = workers_for(args, settings, cells=len(to_run))
    return _run_and_report(args, settings.trainer(), store, asked, to_run, workers)


def status(args: argparse.Namespace, settings: LauncherSettings, store: Store) -> ExitCode:
    """Show each cell's state."""
    asked = request.from_run(args, store)
    if args.watch:
        return _wait(args, asked, store, screen_or_lines(store, local_device()))
    return _report(args, asked, survey(asked.chosen, store), store, rows=True)


def wait(args: argparse.Namespace, settings: LauncherSettings, store: Store) -> ExitCode:
    """Return when all cells are done, or the rest cannot finish by itself."""
    return _wait(args, request.from_run(args, store), store, Lines())


def cancel(args: argparse.Namespace, settings: LauncherSettings, store: Store) -> ExitCode:
    """Delete Jobs."""
    raise BadInput("cancel deletes Jobs: add --backend kubernetes; local cells end with their submit (Ctrl-C)")


def logs(args: argparse.Namespace, settings: LauncherSettings, store: Store) -> ExitCode:
    """Print the log of a cell's latest attempt."""
    if args.follow:
        raise BadInput("-f follows a pod: add --backend kubernetes; `status` shows how far a local cell is")
    task = request.find_cell(request.from_run(args, store).tasks, args.cell)
    sys.stdout.write(printable(latest_log(task, store)))
    return OK


def _wait(args: argparse.Namespace, asked: request.Request, store: Store, display: Display) -> ExitCode:
    rows = wait_for(lambda: join(asked.chosen, survey(asked.chosen, store)), args.timeout, display)
    return _report(args, asked, [row.state for row in rows], store, rows=True)


def _run_and_report(
    args: argparse.Namespace,
    command: Sequence[str],
    store: Store,
    asked: request.Request,
    to_run: list[Task],
    workers: int,
) -> ExitCode:
    if to_run:
        _run_locally(to_run, store, command, workers)
    return _report(args, asked, survey(asked.chosen, store), store, rows=False)


def _run_canaries(submission: Submission, store: Store, command: Sequence[str], workers: int) -> list[Task]:
    """Run what waits for no canary; what waited for one that succeeded."""
    waiting = behind_canaries(submission.steps)
    held = {task.cell.id for tasks in waiting.values() for task in tasks}
    first = [task for task in submission.to_run if task.cell.id not in held]
    if first:
        _run_locally(first, store, command, workers)
    done = {task.cell.id for task in first if isinstance(look(task, store), Done)}
    for canary, tasks in waiting.items():
        if tasks and canary not in done:
            say(f"held     {counted(len(tasks), 'cell')}: the canary {canary} did not succeed")
    return [task for canary, tasks in waiting.items() if canary in done for task in tasks]


def _run_locally(tasks: list[Task], store: Store, command: Sequence[str], workers: int) -> None:
    from launcher.machine.local import LocalRunner
    from launcher.show.display import choose_display

    display = choose_display(store, len(tasks))
    threads = max(1, processors() // workers)
    with display.live():
        LocalRunner(store, command, workers, threads, visible_gpus(os.environ), display).run(tasks)


def _report(
    args: argparse.Namespace, asked: request.Request, states: Sequence[State], store: Store, *, rows: bool
) -> ExitCode:
    if all_done(states):
        warn_of_damage(asked.chosen, store)
    reviewed = review(asked.run, store, asked.chosen) if all_done(states) else None
    if args.json:
        print_json(status_document(asked.run, asked.chosen, states, reviewed))
    elif rows:
        out(table(("CELL", "STATE", "DETAIL"), status_rows(asked.chosen, states)))
    if not args.json:
        if reviewed:
            out(review_text(reviewed))
        out(f"{counted(len(states), 'cell')}: {totals(states)}")
    return OK if all_done(states) else INCOMPLETE


def workers_for(args: argparse.Namespace, settings: LauncherSettings, cells: int) -> int:
    """Cells at a time: one a GPU, because a model of the study fills one; without any, one a processor."""
    wanted = args.workers or settings.workers or len(visible_gpus(os.environ)) or processors()
    return max(1, min(wanted, cells))
