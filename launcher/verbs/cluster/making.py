"""Orders for Jobs, and what became of them."""

import argparse
from collections.abc import Sequence
from functools import partial

from contract.task import Task
from launcher.command_line.job_options import JobOptions
from launcher.command_line.talk import out, print_json, say
from launcher.jobs.job import Job
from launcher.jobs.manifest import Template, job_manifest
from launcher.servers.cluster import Cluster
from launcher.show.words import counted
from launcher.submit.handover import Answer, Order, hand_over, outcome, raise_for_failure


def with_image(options: JobOptions, image: str) -> JobOptions:
    """The options, but for the image."""
    return options.model_copy(update={"image": image})


def orders_for(tasks: Sequence[Task], run: str, options: JobOptions, template: Template) -> list[Order]:
    """One a task, in order."""
    return [partial(job_manifest, task, run, options, template) for task in tasks]


def make_jobs(
    args: argparse.Namespace,
    cluster: Cluster,
    run: str,
    orders: Sequence[Order],
    found: Sequence[Job],
    held: Sequence[str] = (),
) -> None:
    """Hand the orders over, and tell what became of each. Raises what `raise_for_failure` does."""
    handed = hand_over(cluster, orders, found)
    print_jobs(args, run, cluster.namespace, handed.answers, held)
    jobs = counted(len(orders), "Job")
    if handed.there < len(orders):
        say(f"in namespace {cluster.namespace}: {handed.there} of {jobs} of run {run}")
    raise_for_failure(handed)
    if not args.json:
        out(f"in namespace {cluster.namespace}: {jobs} of run {run}; see `status`")
        if held:
            waiting = counted(len(held), "cell")
            out(f"{waiting} held until the canary succeeded; `wait` or `status --watch` then makes the Jobs")


def print_jobs(
    args: argparse.Namespace,
    run: str,
    namespace: str,
    answers: Sequence[Answer],
    held: Sequence[str] = (),
) -> None:
    """For machines, unless what `wait` prints follows."""
    if args.json and not args.wait:
        told = [job_document(each, *outcome(each.creation)) for each in answers]
        print_json({"run": run, "namespace": namespace, "jobs": told, "held": list(held)})


def job_document(answer: Answer, word: str, words: str) -> dict[str, str]:
    """An answer in words, for machines."""
    return {"cell": answer.cell, "job": answer.job, "outcome": word, "detail": words}
