"""The verbs: report."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from contract.exits import BAD_INPUT, INCOMPLETE, OK, UNEXPECTED, BadInput, ExitCode, ProgramError
from contract.grid import load_grid
from contract.revision import resolve
from contract.run import load_run, run_names
from contract.store import Store, open_store
from contract.task import Task

_EPILOG = """example:
  python -m aggregator report --grid full --results-uri results --out report

exit codes: 0 complete; 2 usage or bad input; 3 cells are missing or failed, the report is written; 1 anything else"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code. A user's mistake is one line on stderr."""
    args = _parser().parse_args(argv)
    try:
        return report_verb(args).number
    except ProgramError as error:
        sys.stderr.write(f"aggregator: error: {error}\n")
        return BAD_INPUT.number if error.exit_code is BAD_INPUT else UNEXPECTED.number


def report_verb(args: argparse.Namespace) -> ExitCode:
    """Collect what is there, write the report, say what is not there."""
    store = open_store(args.results_uri)
    run, tasks = expected(args, store)

    from aggregator.collect import Damaged, collect
    from aggregator.report import make_report, write_report

    outcomes = collect(tasks, store)
    for damaged in (outcome for outcome in outcomes if isinstance(outcome, Damaged)):
        sys.stderr.write(f"refused {damaged.key}: {damaged.reason}\n")
    report = make_report(run, tasks, outcomes)
    files = write_report(report, args.out)
    if args.json:
        document = {"run": run, "totals": report.totals, "complete": report.complete, "files": list(map(str, files))}
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
    else:
        totals = ", ".join(f"{count} {status}" for status, count in report.totals.items())
        sys.stdout.write(f"{len(tasks)} cells: {totals}\n{args.out / 'report.html'}\n")
    return OK if report.complete else INCOMPLETE


def expected(args: argparse.Namespace, store: Store) -> tuple[str, list[Task]]:
    """The run's name and what it asked for: as recorded by `submit`, else the grid as it stands. Raises BadInput."""
    if args.run is None and args.grid is None:
        raise BadInput("--grid or --run is missing: which cells are expected?")
    name = args.run or load_grid(args.grid).name
    if run := load_run(store, name):
        return name, run.resolved_tasks(store.uri)
    if args.grid is None:
        recorded = ", ".join(run_names(store)) or "none"
        raise BadInput(f"no run {name!r} at {store.uri}; recorded runs: {recorded}")
    return name, resolve(load_grid(args.grid).tasks(store.uri))


def _parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="aggregator",
        description="Turns results into a report and its heatmap.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB")
    report = verbs.add_parser("report", help="heatmap, tables and a self-contained page")
    report.add_argument("--grid", metavar="NAME|FILE", help="expected cells: smoke, demo, full or a YAML file")
    report.add_argument("--run", metavar="NAME", help="the run as submit recorded it (default: the grid's name)")
    report.add_argument("--results-uri", metavar="URI", default="results", help="a folder (default: ./results)")
    report.add_argument("--out", metavar="FOLDER", type=Path, default=Path("report"), help="default: ./report")
    report.add_argument("--json", action="store_true", help="machine-readable summary on stdout")
    return root
