"""The command line of the launcher: which verb is carried out, on which backend."""

import argparse
import os
from collections.abc import Callable, Sequence

from contract.command_line import tell
from contract.exits import ExitCode, ProgramError
from contract.opening import open_store
from contract.store import Store
from launcher.command_line.heeded import refuse_unheeded
from launcher.command_line.options import parser
from launcher.command_line.settings import LauncherSettings, launcher_settings, warn_of_strangers
from launcher.command_line.talk import say
from launcher.preflight.doctor import doctor
from launcher.verbs import local
from launcher.verbs.cluster import cancel, follow, logs, retry, submit
from launcher.verbs.gc import gc
from launcher.verbs.plan import plan
from launcher.verbs.prefetch import prefetch

_INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code. A user's mistake is one line on stderr."""
    try:
        args = parser().parse_args(argv)
        settings = launcher_settings()
        warn_of_strangers(os.environ)
        if args.verb != "gc":  # the store is the same for every backend
            refuse_unheeded(vars(args), args.backend or settings.backend)
        if args.verb == "doctor":  # it opens the store itself: one that cannot be opened is a finding
            return doctor(args, settings).number
        store = open_store(args.results_uri or settings.results_uri, unsafe=settings.results_unsafe)
        if args.verb == "gc":
            return gc(args, store).number
        if args.verb == "prefetch":
            return prefetch(args, settings, store).number
        return _carry_out(args, settings, store).number
    except ProgramError as error:
        return tell("launcher", error)
    except KeyboardInterrupt as interrupt:
        say(str(interrupt) or "interrupted; finished results are kept, the same command goes on from there")
        return _INTERRUPTED


def _carry_out(args: argparse.Namespace, settings: LauncherSettings, store: Store) -> ExitCode:
    """By the backend's own verb; a plan is the same for all."""
    if args.verb == "plan":
        return plan(args, settings, store)
    match args.backend or settings.backend:
        case "kubernetes":
            return _ON_CLUSTER[args.verb](args, store)
        case _:
            return _ON_THIS_MACHINE[args.verb](args, settings, store)


_ON_CLUSTER: dict[str, Callable[[argparse.Namespace, Store], ExitCode]] = {
    "submit": submit.submit,
    "status": follow.status,
    "wait": follow.wait,
    "cancel": cancel.cancel,
    "retry": retry.retry,
    "logs": logs.logs,
}
_ON_THIS_MACHINE: dict[str, Callable[[argparse.Namespace, LauncherSettings, Store], ExitCode]] = {
    "submit": local.submit,
    "status": local.status,
    "wait": local.wait,
    "cancel": local.cancel,
    "retry": local.retry,
    "logs": local.logs,
}
