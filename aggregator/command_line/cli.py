"""The verbs: report, pull, compare, show, export."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aggregator.command_line.options import parser
from aggregator.command_line.talk import out, print_json, say
from aggregator.reading.expected import Expected, expected, named
from aggregator.reading.progress import in_terminal
from aggregator.reading.reader import open_reader
from contract.command_line import tell
from contract.exits import INCOMPLETE, OK, BadInput, ExitCode, ProgramError
from contract.folder import DirStore
from contract.store import Reader

if TYPE_CHECKING:
    from aggregator.findings.report import Report
    from aggregator.findings.versus import Side
    from aggregator.reading.collect import Outcome

_INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code. A user's mistake is one line on stderr."""
    verbs: dict[str, Callable[[argparse.Namespace, Reader], ExitCode]] = {
        "report": report_verb,
        "pull": pull_verb,
        "compare": compare_verb,
        "show": show_verb,
        "export": export_verb,
    }
    try:
        args = parser().parse_args(argv)
        return verbs[args.verb](args, open_reader(args.results_uri)).number
    except ProgramError as error:
        return tell("aggregator", error)
    except KeyboardInterrupt:
        say("interrupted; the same command starts again")
        return _INTERRUPTED


# Numbers, drawings and obstore take seconds to load; a mistake on the command line is told before.


def report_verb(args: argparse.Namespace, store: Reader) -> ExitCode:
    """Collect what is there, write the report, say what is not there."""
    asked = expected(args.grid, args.run, store)

    from aggregator.findings.report import make_report
    from aggregator.output.files import write_report
    from aggregator.reading.collect import finished
    from aggregator.reading.predictions import read_predictions

    outcomes = _collected(asked, store)
    report = make_report(asked, outcomes, read_predictions(finished(outcomes), store, in_terminal))
    files = write_report(report, args.out, figures=args.figures)
    if args.json:
        print_json(_report_document(report, files))
    else:
        out(_report_text(report, files))
    return OK if report.complete else INCOMPLETE


def pull_verb(args: argparse.Namespace, store: Reader) -> ExitCode:
    """Copy what is new."""
    from aggregator.reading.pull import pull

    into = DirStore(args.out)
    if into.uri == store.uri:
        raise BadInput(f"--out {args.out} is the store itself")
    into.check_writable()
    pulled = pull(store, into, in_terminal)
    if args.json:
        print_json({"from": store.uri, "to": into.uri, **vars(pulled)})
    else:
        out(f"{pulled.copied} files copied, {pulled.bytes} bytes; {pulled.unchanged} were there\n{into.uri}")
    return OK


def compare_verb(args: argparse.Namespace, store: Reader) -> ExitCode:
    """Say what changed from A to B."""
    other = open_reader(args.other_uri) if args.other_uri else store
    asked, asked_of_other = named(args.a, store), named(args.b, other)

    from aggregator.command_line.changes import versus_document, versus_text
    from aggregator.findings.versus import versus

    found = versus(_side(asked, store), _side(asked_of_other, other))
    if args.json:
        print_json(versus_document(found))
    else:
        out(versus_text(found))
    return OK if found.complete else INCOMPLETE


def show_verb(args: argparse.Namespace, store: Reader) -> ExitCode:
    """Show one cell."""
    task = expected(args.grid, args.run, store).task(args.cell)

    from aggregator.command_line.show import cell_document, cell_text
    from aggregator.reading.collect import collect, finished

    (outcome,) = collect([task], store)
    if args.json:
        print_json(cell_document(task, outcome))
    else:
        out(cell_text(task, outcome))
    return OK if finished([outcome]) else INCOMPLETE


def export_verb(args: argparse.Namespace, store: Reader) -> ExitCode:
    """Write a finished cell's adapter and model card."""
    task = expected(args.grid, args.run, store).task(args.cell)

    from aggregator.outcomes.describe import detail_of, status_of
    from aggregator.output.export import export
    from aggregator.reading.collect import collect, finished

    (outcome,) = collect([task], store)
    if not (done := finished([outcome])):
        say(f"{args.cell} is not done, so there is no adapter: {status_of(outcome)} {detail_of(outcome)}".rstrip())
        return INCOMPLETE
    files = export(done[0], store, args.out)
    if args.json:
        print_json({"cell": args.cell, "files": [str(path) for path in files]})
    else:
        out("\n".join(map(str, files)))
    return OK


def _side(asked: Expected, store: Reader) -> "Side":
    from aggregator.findings.versus import Side
    from aggregator.reading.collect import finished
    from aggregator.reading.predictions import read_predictions

    outcomes = _collected(asked, store)
    return Side(asked, store.uri, outcomes, read_predictions(finished(outcomes), store, in_terminal))


def _collected(asked: Expected, store: Reader) -> "list[Outcome]":
    from aggregator.reading.collect import collect
    from aggregator.reading.results import Damaged

    if asked.note:
        say(f"the recorded run {asked.run!r} is reported, not the grid as it stands: {asked.note}")
    outcomes = collect(asked.tasks, store, in_terminal)
    for damaged in (outcome for outcome in outcomes if isinstance(outcome, Damaged)):
        say(f"refused {damaged.key}: {damaged.reason}")
    return outcomes


def _report_document(report: "Report", files: Sequence[Path]) -> dict[str, Any]:
    return {
        "run": report.expected.run,
        "note": report.expected.note,
        "complete": report.complete,
        "totals": report.totals,
        "files": [str(path) for path in files],
    }


def _report_text(report: "Report", files: Sequence[Path]) -> str:
    totals = ", ".join(f"{count} {status}" for status, count in report.totals.items())
    page = next(path for path in files if path.suffix == ".html")
    return f"{len(report.table)} cells: {totals}\n{page}"
