"""The command line, as `--help` reads it."""

import argparse
from collections.abc import Callable
from typing import get_args

from contract.command_line import Parser
from launcher.command_line.request import parse_run_name, parse_seconds, parse_seeds, parse_selector, parse_workers
from launcher.command_line.settings import Backend

_EXIT_CODES = (
    "exit codes: 0 done; 2 usage or bad input; 3 cells are missing or failed, or doctor found a fault; "
    "130 interrupted; 1 anything else"
)
_EXAMPLES = """examples:
  python -m launcher plan --grid full --gpus 8 --gpu-hour-price 2.10
  python -m launcher submit --backend local --grid full --only model=bert,labels=2 --yes
  python -m launcher submit --backend local --grid full --run warm --set hyper.learning_rate=1e-3 --seeds 0,1,2
  python -m launcher status --backend local --grid full --watch
  python -m launcher prefetch --grid full --results-uri s3://bucket/study --image NAME@DIGEST
  python -m launcher retry --backend local --run warm
  python -m launcher logs bert-l2-n800-s0 --backend local --grid full
  python -m launcher submit --grid full --results-uri s3://bucket/study --image NAME@DIGEST --canary --yes
  python -m launcher wait --grid full --results-uri s3://bucket/study --timeout 12h
  python -m launcher cancel --grid full --results-uri s3://bucket/study

"""


def parser() -> argparse.ArgumentParser:
    """All verbs, each with the options that it heeds."""
    root = Parser(
        prog="launcher",
        description="Turns a grid of cells into fine-tunes, runs what is missing, and shows how far it is.",
        epilog=_EXAMPLES + _EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = root.add_subparsers(dest="verb", required=True, metavar="VERB").add_parser
    for add_verb in (_plan, _prefetch, _submit, _status, _wait, _cancel, _retry, _doctor, _gc, _logs):
        add_verb(add)
    return root


Add = Callable[..., argparse.ArgumentParser]
"""Adds a verb by its name."""


def _plan(add: Add) -> None:
    add(
        "plan",
        parents=[_run(), _cells(), _variant(), _work(), _backend(), _namespace(), _placement(), _price()],
        help="show what submit would do with each cell, why, and what that costs",
    )


def _prefetch(add: Add) -> None:
    prefetch = add(
        "prefetch",
        parents=[_grid(), _cells(), _settings(), _where()],
        help="copy weights and corpus to where cells reach them without the hub",
    )
    prefetch.add_argument(
        "--to", metavar="PLACE", help="a folder or s3://bucket/prefix (default: `inputs` in the results' place)"
    )
    prefetch.add_argument(
        "--no-four-bit", dest="four_bit", action="store_false", help="leave out the models' bases in four bits"
    )
    _add_image(prefetch)
    _add_template(prefetch)
    prefetch.add_argument("--dry-run", action="store_true", help="print the Jobs, or what would be copied, instead")
    _add_timeout(prefetch)
    prefetch.set_defaults(seeds=None)


def _submit(add: Add) -> None:
    parents = [_run(), _cells(), _variant(), _work(), _where(), _jobs(), _price()]
    submit = add("submit", parents=parents, help="run the cells that are missing")
    submit.add_argument("--yes", action="store_true", help="do not ask before running")
    instead = submit.add_mutually_exclusive_group()
    instead.add_argument("--dry-run", action="store_true", help="print the Jobs instead of making them")
    instead.add_argument(
        "--server-dry-run", action="store_true", help="ask the API server about each Job instead of making it"
    )
    submit.add_argument(
        "--canary", action="store_true", help="the cheapest cell of each model first, the rest once it succeeded"
    )
    submit.add_argument(
        "--wait", action="store_true", help="for the Jobs' end, as `wait` does (local cells are always awaited)"
    )
    _add_timeout(submit)
    submit.add_argument("-o", dest="output", choices=["yaml", "json", "name"], help="of a dry run (default: yaml)")


def _status(add: Add) -> None:
    status = add("status", parents=[_run(), _cells(), _where()], help="show the state of each cell of a run")
    status.add_argument("--watch", action="store_true", help="until all are done, or cannot be (Ctrl-C ends it)")
    status.set_defaults(timeout=None)


def _wait(add: Add) -> None:
    _add_timeout(add("wait", parents=[_run(), _cells(), _where()], help="return when all are done, or cannot be"))


def _cancel(add: Add) -> None:
    cancel = add("cancel", parents=[_run(), _cells(), _where()], help="delete the Jobs of a run; results stay")
    cancel.add_argument("cell", metavar="CELL", nargs="?", help="only this one, such as bert-l2-n800-s0")
    cancel.add_argument("--yes", action="store_true", help="do not ask before deleting")


def _retry(add: Add) -> None:
    parents = [_run(), _cells(), _work(), _where(), _jobs()]
    add("retry", parents=parents, help="run again what failed or was lost").set_defaults(wait=False)


def _doctor(add: Add) -> None:
    doctor = add(
        "doctor", parents=[_where(), _requirements()], help="say what keeps cells from running, and the remedy"
    )
    _add_results_uri(doctor)
    _add_image_and_priority(doctor)
    _add_json(doctor)


def _gc(add: Add) -> None:
    gc = add("gc", help="list what attempts left behind and no result refers to; with --yes remove it")
    _add_results_uri(gc)
    gc.add_argument(
        "--older-than",
        metavar="TIME",
        type=parse_seconds,
        default="30d",
        help="only attempts and checkpoints that nobody wrote to for 90m, 12h or 7d (default: 30d)",
    )
    gc.add_argument(
        "--yes", action="store_true", help="remove them: failures, logs and checkpoints of unfinished cells"
    )
    _add_json(gc)


def _logs(add: Add) -> None:
    logs = add("logs", parents=[_run(), _where()], help="print the log of a cell's latest attempt")
    logs.add_argument("cell", metavar="CELL", help="a cell id, such as bert-l2-n800-s0")
    logs.add_argument("-f", dest="follow", action="store_true", help="go on while the pod runs")
    logs.set_defaults(only=[])


def _add_timeout(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--timeout", metavar="TIME", type=parse_seconds, help="wait no longer than 90s, 30m or 12h")


def _grid() -> Parser:
    options = Parser(add_help=False)
    options.add_argument("--grid", metavar="NAME|FILE", help="smoke, demo, full, or a YAML file")
    _add_results_uri(options)
    return options


def _run() -> Parser:
    options = Parser(add_help=False, parents=[_grid()])
    options.add_argument(
        "--run", metavar="NAME", type=parse_run_name, help="name of the run (default: the grid's name)"
    )
    return options


def _add_results_uri(options: argparse.ArgumentParser) -> None:
    options.add_argument(
        "--results-uri",
        metavar="URI",
        help="a folder or s3://bucket/prefix (default: LAUNCHER_RESULTS_URI, else ./results)",
    )


def _cells() -> Parser:
    options = Parser(add_help=False)
    options.add_argument(
        "--only",
        metavar="COORDINATES",
        action="append",
        type=parse_selector,
        default=[],
        help="only cells with these coordinates, such as model=bert,labels=2; repeat for more",
    )
    _add_json(options)
    return options


def _add_json(options: argparse.ArgumentParser) -> None:
    options.add_argument("--json", action="store_true", help="machine-readable output on stdout")


def _variant() -> Parser:
    options = Parser(add_help=False, parents=[_settings()])
    options.add_argument("--seeds", metavar="N,N,...", type=parse_seeds, help="seeds in place of the grid's")
    return options


def _settings() -> Parser:
    options = Parser(add_help=False)
    options.add_argument(
        "--set",
        metavar="[MODEL:]GROUP.NAME=VALUE",
        action="append",
        default=[],
        help="a setting in place of the grid's, such as hyper.learning_rate=1e-3; repeat for more",
    )
    return options


def _backend() -> Parser:
    options = Parser(add_help=False)
    options.add_argument("--backend", choices=get_args(Backend), help="where cells run (default: kubernetes)")
    options.add_argument("--context", metavar="NAME", help="of the kubeconfig (default: its current one)")
    return options


def _where() -> Parser:
    options = Parser(add_help=False, parents=[_backend(), _namespace()])
    options.add_argument("--owner", metavar="LABEL", help="whose Jobs (default: your login name)")
    return options


def _namespace() -> Parser:
    options = Parser(add_help=False)
    options.add_argument("--namespace", metavar="NAME", help="for the Jobs (default: emotion-grid)")
    return options


def _price() -> Parser:
    options = Parser(add_help=False)
    options.add_argument("--gpus", metavar="N", help="plan for so many GPUs (default: those that are there)")
    options.add_argument("--gpu-hour-price", metavar="PRICE", help="of one GPU, in any currency")
    options.add_argument("--max-gpu-hours", metavar="HOURS", help="refuse to submit what may take more")
    return options


def _jobs() -> Parser:
    options = Parser(add_help=False, parents=[_placement()])
    _add_image_and_priority(options)
    return options


def _placement() -> Parser:
    options = Parser(add_help=False, parents=[_requirements()])
    options.add_argument("--max-cells", metavar="N", help="refuse to make more Jobs than this (default: 1000)")
    return options


def _requirements() -> Parser:
    options = Parser(add_help=False)
    _add_template(options)
    options.add_argument("--queue", metavar="NAME", help="Kueue's LocalQueue for the Jobs (default: none)")
    return options


def _add_template(options: argparse.ArgumentParser) -> None:
    options.add_argument("--template", metavar="FILE", help="a job.yaml of your own")


def _add_image(options: argparse.ArgumentParser) -> None:
    options.add_argument(
        "--image", metavar="NAME", help="the trainer's, by digest or tag; a tag is resolved once for a run"
    )


def _add_image_and_priority(options: argparse.ArgumentParser) -> None:
    _add_image(options)
    options.add_argument("--priority", metavar="NAME", help="their WorkloadPriorityClass in it (default: none)")


def _work() -> Parser:
    options = Parser(add_help=False)
    options.add_argument(
        "--workers",
        metavar="N",
        type=parse_workers,
        help="cells at a time (default: one a GPU; on a machine without, one a processor)",
    )
    return options
