"""The verbs: plan, submit, status, retry, logs."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from contract.exits import BAD_INPUT, INCOMPLETE, OK, UNEXPECTED, BadInput, ExitCode, ProgramError
from contract.run import Run, record_run
from contract.store import Store, open_store
from contract.survey import Done, Failed, Lost, State, survey
from contract.task import Task
from launcher import request, show
from launcher.options import parser
from launcher.plan import Step, estimate, measure, plan
from launcher.settings import LauncherSettings, processors

_INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code. A user's mistake is one line on stderr."""
    verbs: dict[str, Callable[[argparse.Namespace, LauncherSettings, Store], ExitCode]] = {
        "plan": plan_verb,
        "submit": submit_verb,
        "status": status_verb,
        "retry": retry_verb,
        "logs": logs_verb,
    }
    try:
        args = parser().parse_args(argv)
        settings = LauncherSettings()
        store = open_store(args.results_uri or settings.results_uri)
        return verbs[args.verb](args, settings, store).number
    except ProgramError as error:
        sys.stderr.write(f"launcher: error: {error}\n")
        return BAD_INPUT.number if error.exit_code is BAD_INPUT else UNEXPECTED.number
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; finished results are kept, the same command goes on from there\n")
        return _INTERRUPTED


def plan_verb(args: argparse.Namespace, settings: LauncherSettings, store: Store) -> ExitCode:
    """Show what a submit would do. Nothing is written."""
    asked = request.from_grid(args, store)
    steps = plan(asked.chosen, survey(asked.chosen, store))
    workers = _workers(args, settings, steps)
    if args.json:
        _print_json(show.plan_document(asked.run, steps, estimate(steps, measure(steps, store)), workers))
    else:
        _show_plan(steps, store, workers, stream=sys.stdout)
    return OK


def submit_verb(args: argparse.Namespace, settings: LauncherSettings, store: Store) -> ExitCode:
    """Run what is missing. Without a terminal, --yes stands for the answer."""
    store.check_writable()
    asked = request.from_grid(args, store)
    steps = plan(asked.chosen, survey(asked.chosen, store))
    workers = _workers(args, settings, steps)
    to_run = [step.task for step in steps if step.runs]
    _show_plan(steps, store, workers, stream=sys.stderr)
    if to_run and not args.yes and not _confirmed():
        return OK
    record_run(store, Run.of(asked.run, asked.tasks))
    return _run_and_report(args, settings, store, asked, to_run, workers)


def retry_verb(args: argparse.Namespace, settings: LauncherSettings, store: Store) -> ExitCode:
    """Run again what failed or was lost, also where a retry is not expected to help."""
    store.check_writable()
    asked = request.from_run(args, store)
    states = zip(asked.chosen, survey(asked.chosen, store), strict=True)
    to_run = [task for task, state in states if isinstance(state, Failed | Lost)]
    _say(f"{len(to_run)} of {len(asked.chosen)} cells failed or were lost" + (": running them again" if to_run else ""))
    return _run_and_report(args, settings, store, asked, to_run, _count_workers(args, settings, len(to_run)))


def status_verb(args: argparse.Namespace, settings: LauncherSettings, store: Store) -> ExitCode:
    """Show each cell's state."""
    asked = request.from_run(args, store)
    return _report(args, asked, survey(asked.chosen, store), rows=True)


def logs_verb(args: argparse.Namespace, settings: LauncherSettings, store: Store) -> ExitCode:
    """Print the log of a cell's latest attempt."""
    from launcher.logs import latest_log

    task = request.find_cell(request.from_run(args, store).tasks, args.cell)
    sys.stdout.write(latest_log(task, store))
    return OK


def _run_and_report(
    args: argparse.Namespace,
    settings: LauncherSettings,
    store: Store,
    asked: request.Request,
    to_run: list[Task],
    workers: int,
) -> ExitCode:
    if to_run:
        _run_locally(to_run, store, settings, workers)
    return _report(args, asked, survey(asked.chosen, store), rows=False)


def _run_locally(tasks: list[Task], store: Store, settings: LauncherSettings, workers: int) -> None:
    from launcher.display import choose_display
    from launcher.local import LocalRunner

    display = choose_display(store, len(tasks))
    threads = max(1, processors() // workers)
    with display.live():
        LocalRunner(store, settings.trainer_command, workers, threads, display).run(tasks)


def _report(args: argparse.Namespace, asked: request.Request, states: list[State], *, rows: bool) -> ExitCode:
    document = show.status_document(asked.run, asked.chosen, states)
    totals = ", ".join(f"{count} {state}" for state, count in document["totals"].items())
    if args.json:
        _print_json(document)
    elif rows:
        _print(show.table(("CELL", "STATE", "DETAIL"), show.status_rows(asked.chosen, states)))
    if not args.json:
        _print(f"{len(states)} cells: {totals}")
    return OK if all(isinstance(state, Done) for state in states) else INCOMPLETE


def _show_plan(steps: list[Step], store: Store, workers: int, stream: TextIO) -> None:
    work = estimate(steps, measure(steps, store))
    stream.write(show.table(("CELL", "ACTION", "REASON"), show.plan_rows(steps)) + "\n")
    stream.write(show.plan_summary(steps, work, workers) + "\n")


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        raise BadInput("no terminal to ask in: add --yes to run the plan above")
    sys.stderr.write("run them? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _workers(args: argparse.Namespace, settings: LauncherSettings, steps: list[Step]) -> int:
    return _count_workers(args, settings, sum(step.runs for step in steps))


def _count_workers(args: argparse.Namespace, settings: LauncherSettings, cells: int) -> int:
    return max(1, min(args.workers or settings.workers or processors(), cells))


def _print_json(document: dict[str, Any]) -> None:
    _print(json.dumps(document, indent=1))


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
