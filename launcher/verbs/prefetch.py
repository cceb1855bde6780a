"""`prefetch`: copy the weights and the corpus of a grid to where its cells reach them without a hub."""

import argparse
from collections.abc import Sequence
from typing import Any

from contract.exits import INCOMPLETE, OK, BadInput, ExitCode
from contract.inputs import in_bucket
from contract.opening import open_store
from contract.prefetch import Prefetch
from contract.store import Store
from launcher.command_line import request
from launcher.command_line.job_options import JobOptions
from launcher.command_line.settings import LauncherSettings, cluster_settings, job_options
from launcher.command_line.talk import out, print_json, say
from launcher.jobs.manifest import Template, load_template
from launcher.jobs.prefetch_job import prefetch_job
from launcher.prefetch.on_cluster import make_jobs, watch
from launcher.prefetch.on_machine import carry_out
from launcher.prefetch.orders import Ended, orders_of, settings_of
from launcher.servers.cluster import Cluster
from launcher.show.words import counted
from launcher.submit.image import ask_registry
from launcher.verbs.cluster.dry_runs import print_manifests
from launcher.verbs.cluster.making import with_image


def prefetch(args: argparse.Namespace, settings: LauncherSettings, store: Store) -> ExitCode:
    """Copy what the chosen cells need; 3 where not all of it is there in the end."""
    on_cluster = settings.on_cluster(args.backend)
    if args.timeout is not None and not on_cluster:
        raise BadInput("--timeout ends the waiting for Jobs; local copies end with their prefetch (Ctrl-C)")
    tasks = request.choose(request.grid_of(args).tasks(store.uri), args.only)
    place = _place(args, store, unsafe=settings.results_unsafe)
    orders = orders_of(tasks, place, four_bit=args.four_bit, unsafe=settings.results_unsafe)
    if not orders:
        say("nothing to copy: weights and comments of these cells are generated")
        return _report(args, []) if args.json and not args.dry_run else OK
    if args.dry_run:
        return _dry_run(args, orders, on_cluster=on_cluster)
    return _report(args, _by_jobs(args, orders) if on_cluster else carry_out(orders, settings.trainer()))


def _place(args: argparse.Namespace, store: Store, *, unsafe: bool) -> str:
    """Spelled as the trainer reads it. Raises BadInput for what is neither a folder nor a bucket."""
    if args.to is None:
        return f"{store.uri}/inputs"
    return open_store(args.to, unsafe=unsafe, setting="--to").uri


def _by_jobs(args: argparse.Namespace, orders: Sequence[Prefetch]) -> list[Ended]:
    options, template = _job_options(args, orders)
    cluster = Cluster(cluster_settings(vars(args)))
    make_jobs(cluster, orders, options, template)
    return watch(cluster, orders, args.timeout)


def _job_options(args: argparse.Namespace, orders: Sequence[Prefetch]) -> tuple[JobOptions, Template]:
    """With the image by its digest. Raises BadInput for a folder that pods would not share."""
    options = job_options(vars(args))
    folder = next((path for path in _folders(orders) if options.template is None), None)
    if folder is not None:
        raise BadInput(
            f"{folder} would be a folder inside each pod; give --to s3://bucket/prefix, or a --template that mounts a "
            "volume there, or run on this machine with --backend local"
        )
    template = load_template(options.template)
    return with_image(options, ask_registry(options.image)), template


def _folders(orders: Sequence[Prefetch]) -> list[str]:
    places = [place for order in orders for place in (order.source, order.place)]
    return [place for place in places if place != "hub" and not in_bucket(place)]


def _dry_run(args: argparse.Namespace, orders: Sequence[Prefetch], *, on_cluster: bool) -> ExitCode:
    if not on_cluster:
        for order in orders:
            out(f"copy  {order.input}  from {order.source} to {order.place}/{order.input}")
        return OK
    options, template = _job_options(args, orders)
    print_manifests("json" if args.json else "yaml", [prefetch_job(order, options, template) for order in orders])
    return OK


def _report(args: argparse.Namespace, ended: Sequence[Ended]) -> ExitCode:
    there = [each.order for each in ended if each.done]
    settings = settings_of(there)
    if args.json:
        print_json({"inputs": [_document(each) for each in ended], "settings": settings})
    else:
        out(f"{counted(len(ended), 'input')}: {len(there)} there, {len(ended) - len(there)} not")
        if settings:
            out("cells use them with " + " ".join(f"--set {setting}" for setting in settings))
    return OK if len(there) == len(ended) else INCOMPLETE


def _document(ended: Ended) -> dict[str, Any]:
    order = ended.order
    where = {"input": order.input, "source": order.source, "place": f"{order.place}/{order.input}"}
    return where | {"done": ended.done, "detail": ended.said}
