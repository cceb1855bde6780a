"""`doctor`: what keeps cells from running, in one line a check, each with its remedy.

A check that fails hides no other. What cannot be asked, because no API server answers, is not asked and is said once;
so is a namespace that is not there, rather than all that is not in it.
What we may not read stays unverified: no verb of the launcher reads secrets or nodes, so its Role does not let it.
"""

import argparse
import os
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from contract.exits import INCOMPLETE, OK, BadInput, ExitCode, ProgramError
from contract.opening import open_store
from contract.processors import processors
from launcher.cells.submission import refuse_a_folder
from launcher.command_line.job_options import JobOptions
from launcher.command_line.reference import parse
from launcher.command_line.settings import ClusterSettings, LauncherSettings, cluster_settings, draft_options
from launcher.command_line.talk import out, print_json
from launcher.jobs.manifest import Template, load_template
from launcher.machine.gpus import visible_gpus
from launcher.preflight.checks import Check, Verdict, permission_check, presence_check
from launcher.preflight.needs import node_checks, queue_checks, secret_checks
from launcher.servers.answers import set_up
from launcher.servers.cluster import Cluster
from launcher.servers.permissions import needed_permissions
from launcher.servers.registry import Absent, Found, Unknown, look_up

_STORE_TRIES = 1
"""Whoever asks for a diagnosis waits for one try of a store that is not there, not for all that a submit makes."""


def doctor(args: argparse.Namespace, settings: LauncherSettings) -> ExitCode:
    """Tell each check as it is done. Raises BadInput only for options and settings that are no values at all."""
    uri = args.results_uri or settings.results_uri
    checks = []
    of_backend = (
        _of_cluster(vars(args), settings, uri) if settings.on_cluster(args.backend) else _of_machine(settings, uri)
    )
    for check in of_backend:
        checks.append(check)
        if not args.json:
            out(f"{check.verdict:<12}  {check.name}: {check.detail}")
    if args.json:
        print_json(_document(checks))
    else:
        totals = Counter(check.verdict for check in checks)
        out(f"{len(checks)} checks: {', '.join(f'{totals[verdict]} {verdict}' for verdict in Verdict)}")
    return OK if _healthy(checks) else INCOMPLETE


def _healthy(checks: Sequence[Check]) -> bool:
    return all(check.verdict is not Verdict.FAIL for check in checks)


def _document(checks: Sequence[Check]) -> dict[str, Any]:
    listed = [{"check": check.name, "verdict": check.verdict, "detail": check.detail} for check in checks]
    return {"healthy": _healthy(checks), "checks": listed}


def _of_machine(settings: LauncherSettings, uri: str) -> Iterator[Check]:
    """For cells that are processes of this machine."""
    yield _trainer(settings)
    yield _store(uri, settings, shared=False)
    gpus = len(visible_gpus(os.environ))
    words = f"{gpus} in sight: a cell on each" if gpus else f"none in sight: cells on {processors()} processors"
    yield Check("GPUs", Verdict.OK, words)


def _of_cluster(given: dict[str, Any], ours: LauncherSettings, uri: str) -> Iterator[Check]:
    """For cells that are Jobs."""
    options, settings = draft_options(given), cluster_settings(given)
    template = load_template(options.template)
    looks: list[Callable[[], list[Check]]] = [
        lambda: [image_check(options.image)],
        lambda: [_store(uri, ours, shared=True)],
        lambda: list(_of_api_server(settings, options, template)),
    ]
    # Together: of three that do not answer nobody waits for one after the other.
    with ThreadPoolExecutor(len(looks)) as pool:
        for checks in pool.map(lambda look: look(), looks):
            yield from checks


def _of_api_server(settings: ClusterSettings, options: JobOptions, template: Template) -> Iterator[Check]:
    try:
        yield from _of_namespace(Cluster(settings), options, template)
    except ProgramError as error:
        yield Check("API server", Verdict.FAIL, f"{error}; nothing more was asked of the cluster")


def _of_namespace(cluster: Cluster, options: JobOptions, template: Template) -> Iterator[Check]:
    """Raises NoCluster, BadInput or ClusterFailed when the API server does not answer."""
    user = cluster.user() or "somebody without a name"
    yield Check("API server", Verdict.OK, f"{cluster.server} takes us for {user}")
    for permission in needed_permissions(queue=options.queue is not None):
        yield permission_check(permission, cluster.namespace, allowed=cluster.may(permission))
    found, remedy = cluster.has_namespace(), f"make it: {set_up(cluster.namespace)}"
    yield presence_check(f"namespace {cluster.namespace}", found, remedy)
    if found is not False:
        account = template["spec"]["template"]["spec"].get("serviceAccountName", "default")
        yield presence_check(f"service account {account}", cluster.has("serviceaccounts", account), remedy)
        yield from secret_checks(cluster, options)
        yield from queue_checks(cluster, options, template)
    yield from node_checks(cluster, options, template)


def image_check(image: str) -> Check:
    """Whether one is named, and what its registry says."""
    try:
        reference = parse(image)
    except ValueError as error:
        words = str(error) if image else "none is named: set LAUNCHER_IMAGE or give --image, best by digest"
        return Check("image", Verdict.FAIL, words)
    match look_up(reference):
        case Found(digest):
            words = f"{reference.pulled} is " + ("in its registry" if reference.digest else digest)
            return Check("image", Verdict.OK, words)
        case Absent():
            words = f"{reference.registry} does not have {reference.pulled}: push it, or mend --image"
            return Check("image", Verdict.FAIL, words)
        case Unknown(reason):
            remedy = "" if reference.digest else ": give a digest, unless the nodes have it"
            words = f"{reference.pulled} cannot be looked up from here ({reason}){remedy}"
            return Check("image", Verdict.UNKNOWN, words)


def _store(uri: str, settings: LauncherSettings, *, shared: bool) -> Check:
    try:
        store = open_store(uri, tries=_STORE_TRIES, unsafe=settings.results_unsafe)
        if shared:
            refuse_a_folder(store)
        store.check_writable()
    except ProgramError as error:
        return Check("store", Verdict.FAIL, str(error))
    once = "but perhaps not each once: LAUNCHER_RESULTS_UNSAFE is set" if store.unsafe else "each once"
    return Check("store", Verdict.OK, f"{store.uri} takes results, {once}")


def _trainer(settings: LauncherSettings) -> Check:
    try:
        return Check("trainer", Verdict.OK, shlex.join(settings.trainer()))
    except BadInput as error:
        return Check("trainer", Verdict.FAIL, str(error))
