"""`plan`, which is the same verb for all backends."""

import argparse
from collections.abc import Sequence

from contract.exits import OK, BadInput, ExitCode
from contract.run import Run, check_run
from contract.store import Store
from contract.survey import survey
from launcher.cells.plan import Step
from launcher.cells.plan import plan as plan_steps
from launcher.command_line import request
from launcher.command_line.settings import LauncherSettings, PriceSettings, fuse_settings, price_settings
from launcher.command_line.talk import out, print_json
from launcher.costs.fuse import too_dear, too_many_or_dear
from launcher.costs.places import Places, cluster_places, on_this_machine
from launcher.costs.price import Price, price_plan
from launcher.show.plans import plan_document, plan_text
from launcher.verbs.local import workers_for


def plan(args: argparse.Namespace, settings: LauncherSettings, store: Store) -> ExitCode:
    """Show what a submit would do and cost. Nothing is written."""
    prices = price_settings(vars(args))
    asked = request.from_grid(args, store)
    steps = plan_steps(asked.chosen, survey(asked.chosen, store))
    price = price_plan(steps, store, _places(args, settings, prices, steps), prices)
    refusal = _other_run(asked, store) or _blown_fuse(args, settings, price)
    if args.json:
        print_json(plan_document(asked.run, steps, price, refusal))
    else:
        out(plan_text(steps, price))
        if refusal:
            out(f"A submit would be refused: {refusal}")
    return OK


def _places(
    args: argparse.Namespace, settings: LauncherSettings, prices: PriceSettings, steps: Sequence[Step]
) -> Places:
    """Where the cells would run. A cluster is asked only if there is something to run, and nobody says what it has."""
    if settings.on_cluster(args.backend):
        return cluster_places(vars(args), prices, steps)
    if prices.gpus is not None:
        return Places("gpu", prices.gpus)
    return on_this_machine(workers_for(args, settings, cells=sum(step.runs for step in steps)))


def _blown_fuse(args: argparse.Namespace, settings: LauncherSettings, price: Price) -> str | None:
    blown = too_many_or_dear if settings.on_cluster(args.backend) else too_dear
    return blown(price, fuse_settings(vars(args)), vars(args))


def _other_run(asked: request.Request, store: Store) -> str | None:
    try:
        check_run(store, Run.of(asked.run, asked.tasks))
    except BadInput as error:
        return str(error)
    return None
