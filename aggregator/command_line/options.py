"""The command line, as `--help` reads it."""

import argparse
from collections.abc import Callable
from pathlib import Path

from contract.command_line import Parser

_EPILOG = """examples:
  python -m aggregator report --grid full --results-uri s3://bucket/study --out report
  python -m aggregator pull --results-uri s3://bucket/study --out study
  python -m aggregator compare full warm --results-uri study
  python -m aggregator show bert-l2-n800-s0 --grid full --results-uri study
  python -m aggregator export bert-l2-n800-s0 --grid full --results-uri s3://bucket/study --out adapter

exit codes: 0 complete; 2 usage or bad input; 3 cells are missing or failed, what there is was shown; 130 interrupted;
1 anything else"""

Add = Callable[..., argparse.ArgumentParser]
"""Adds a verb by its name."""


def parser() -> argparse.ArgumentParser:
    """All verbs, each with the options that it heeds."""
    root = Parser(
        prog="aggregator",
        description="Turns results into a report and its heatmap, and hands them on.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = root.add_subparsers(dest="verb", required=True, metavar="VERB").add_parser
    for add_verb in (_report, _pull, _compare, _show, _export):
        add_verb(add)
    return root


def _report(add: Add) -> None:
    report = add("report", parents=[_store(), _run()], help="heatmap, tables and a self-contained page")
    _add_out(report, "report")
    report.add_argument("--figures", action="store_true", help="every figure as PNG and SVG, not the heatmap alone")


def _pull(add: Add) -> None:
    pull = add("pull", parents=[_store()], help="copy what a report reads to a folder, only what is new there")
    pull.add_argument("--out", metavar="FOLDER", type=Path, required=True, help="a --results-uri for the other verbs")


def _compare(add: Add) -> None:
    compare = add("compare", parents=[_store()], help="what changed from one run to another, on identical comments")
    compare.add_argument("a", metavar="RUN_A", help="a recorded run, or a grid by its name or file")
    compare.add_argument("b", metavar="RUN_B", help="the other; the same where only the stores differ")
    compare.add_argument("--other-uri", metavar="URI", help="the store of RUN_B (default: that of RUN_A)")


def _show(add: Add) -> None:
    add("show", parents=[_store(), _run(), _cell()], help="all that is known about one cell")


def _export(add: Add) -> None:
    export = add("export", parents=[_store(), _run(), _cell()], help="a cell's adapter and model card, for the hub")
    _add_out(export, "adapter")


def _store() -> argparse.ArgumentParser:
    store = Parser(add_help=False)
    store.add_argument(
        "--results-uri", metavar="URI", default="results", help="a folder or s3://bucket/prefix, default: results"
    )
    store.add_argument("--json", action="store_true", help="machine-readable summary on stdout")
    return store


def _run() -> argparse.ArgumentParser:
    run = Parser(add_help=False)
    run.add_argument("--grid", metavar="NAME|FILE", help="expected cells: smoke, demo, full or a YAML file")
    run.add_argument("--run", metavar="NAME", help="a run that submit recorded (default: the grid's name)")
    return run


def _cell() -> argparse.ArgumentParser:
    cell = Parser(add_help=False)
    cell.add_argument("cell", metavar="CELL", help="such as bert-l2-n800-s0")
    return cell


def _add_out(verb: argparse.ArgumentParser, default: str) -> None:
    verb.add_argument("--out", metavar="FOLDER", type=Path, default=Path(default), help=f"default: {default}")
