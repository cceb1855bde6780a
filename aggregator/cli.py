"""The verbs: report."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aggregator.expected import expected
from contract.command_line import Parser, tell
from contract.exits import INCOMPLETE, OK, ExitCode, ProgramError
from contract.store import open_store

if TYPE_CHECKING:
    from aggregator.report import Report

_EPILOG = """example:
  python -m aggregator report --grid full --results-uri results --out report

exit codes: 0 complete; 2 usage or bad input; 3 cells are missing or failed, the report is written; 1 anything else"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code. A user's mistake is one line on stderr."""
    try:
        return report_verb(_parser().parse_args(argv)).number
    except ProgramError as error:
        return tell("aggregator", error)


def report_verb(args: argparse.Namespace) -> ExitCode:
    """Collect what is there, write the report, say what is not there."""
    store = open_store(args.results_uri)
    asked = expected(args.grid, args.run, store)

    # Drawing libraries take seconds to load; a mistake on the command line is told before.
    from aggregator.collect import Damaged, collect
    from aggregator.files import write_report
    from aggregator.predictions import read_predictions
    from aggregator.report import finished, make_report

    outcomes = collect(asked.tasks, store)
    for damaged in (outcome for outcome in outcomes if isinstance(outcome, Damaged)):
        sys.stderr.write(f"refused {damaged.key}: {damaged.reason}\n")
    report = make_report(asked, outcomes, read_predictions(finished(outcomes), store))
    files = write_report(report, args.out, figures=args.figures)
    show = _as_json if args.json else _in_words
    sys.stdout.write(show(report, files))
    return OK if report.complete else INCOMPLETE


def _as_json(report: "Report", files: Sequence[Path]) -> str:
    document = {
        "run": report.expected.run,
        "complete": report.complete,
        "totals": report.totals,
        "files": [str(path) for path in files],
    }
    return json.dumps(document, indent=1) + "\n"


def _in_words(report: "Report", files: Sequence[Path]) -> str:
    totals = ", ".join(f"{count} {status}" for status, count in report.totals.items())
    page = next(path for path in files if path.suffix == ".html")
    return f"{len(report.table)} cells: {totals}\n{page}\n"


def _parser() -> argparse.ArgumentParser:
    root = Parser(
        prog="aggregator",
        description="Turns results into a report and its heatmap.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB")
    report = verbs.add_parser("report", help="heatmap, tables and a self-contained page")
    report.add_argument("--grid", metavar="NAME|FILE", help="expected cells: smoke, demo, full or a YAML file")
    report.add_argument("--run", metavar="NAME", help="a run that submit recorded (default: the grid's name)")
    report.add_argument(
        "--results-uri", metavar="URI", default="results", help="a folder or s3://bucket/prefix, default: results"
    )
    report.add_argument("--out", metavar="FOLDER", type=Path, default=Path("report"), help="default: report")
    report.add_argument("--figures", action="store_true", help="every figure as PNG and SVG, not the heatmap alone")
    report.add_argument("--json", action="store_true", help="machine-readable summary on stdout")
    return root
