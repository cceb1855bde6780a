"""The command line, as `--help` reads it."""

import argparse

from contract.exits import BadInput
from launcher.request import parse_run_name, parse_seeds, parse_selector, parse_workers

_EXIT_CODES = "exit codes: 0 done; 2 usage or bad input; 3 cells are missing or failed; 1 anything else"
_EXAMPLES = """examples:
  python -m launcher plan --grid full
  python -m launcher submit --grid full --only model=bert,labels=2 --yes
  python -m launcher submit --grid full --run warm --set hyper.learning_rate=1e-3 --seeds 0,1,2
  python -m launcher status --grid full
  python -m launcher retry --grid full
  python -m launcher logs bert-l2-n800-s0 --grid full

"""


class _Parser(argparse.ArgumentParser):
    """Tells a wrong command line as every other mistake is told: one line, exit code 2."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise BadInput(f"{message}; see {self.prog} --help")


def parser() -> argparse.ArgumentParser:
    """All verbs and their options."""
    root = _Parser(
        prog="launcher",
        description="Turns a grid of cells into fine-tunes, runs what is missing, and shows how far it is.",
        epilog=_EXAMPLES + _EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB")
    common = _common()
    work = _work()
    verbs.add_parser("plan", parents=[common, work], help="show what submit would do with each cell, and why")
    submit = verbs.add_parser("submit", parents=[common, work], help="run the cells that are missing")
    submit.add_argument("--yes", action="store_true", help="do not ask before running")
    submit.add_argument("--backend", choices=["local"], default="local", help="where cells run (default: local)")
    verbs.add_parser("status", parents=[common], help="show the state of each cell of a run")
    verbs.add_parser("retry", parents=[common, work], help="run again what failed or was lost")
    logs = verbs.add_parser("logs", parents=[common], help="print the log of a cell's latest attempt")
    logs.add_argument("cell", metavar="CELL", help="a cell id, such as bert-l2-n800-s0")
    return root


def _common() -> _Parser:
    options = _Parser(add_help=False)
    options.add_argument("--grid", metavar="NAME|FILE", help="smoke, demo, full, or a YAML file")
    options.add_argument(
        "--run", metavar="NAME", type=parse_run_name, help="name of the run (default: the grid's name)"
    )
    options.add_argument(
        "--results-uri", metavar="URI", help="results store (default: LAUNCHER_RESULTS_URI or ./results)"
    )
    options.add_argument(
        "--only",
        metavar="COORDINATES",
        action="append",
        type=parse_selector,
        default=[],
        help="only cells with these coordinates, such as model=bert,labels=2; repeat for more",
    )
    options.add_argument("--seeds", metavar="N,N,...", type=parse_seeds, help="seeds in place of the grid's")
    options.add_argument(
        "--set",
        metavar="[MODEL:]GROUP.NAME=VALUE",
        action="append",
        default=[],
        help="a setting in place of the grid's, such as hyper.learning_rate=1e-3; repeat for more",
    )
    options.add_argument("--json", action="store_true", help="machine-readable output on stdout")
    return options


def _work() -> _Parser:
    options = _Parser(add_help=False)
    options.add_argument(
        "--workers",
        metavar="N",
        type=parse_workers,
        help="cells at a time (default: one a processor)",
    )
    return options
