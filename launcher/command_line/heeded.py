"""Options that the chosen backend, or the rest of the command line, leaves without effect: each is a mistake."""

from collections.abc import Mapping
from typing import Any

from contract.exits import BadInput
from launcher.command_line.settings import Backend

_ABOUT_JOBS = ("image", "template", "queue", "priority", "max_cells", "context", "namespace", "owner")
_ABOUT_PROCESSES = ("workers",)


def refuse_unheeded(given: Mapping[str, Any], backend: Backend) -> None:
    """Raises BadInput for the first of the command line's options that would do nothing."""
    match backend:
        case "local":
            _refuse(given, _ABOUT_JOBS, "is about Jobs: add --backend kubernetes, or leave it out")
        case "kubernetes":
            _refuse(given, _ABOUT_PROCESSES, "is about local cells: add --backend local, or leave it out")
    if given["verb"] == "submit":
        _refuse_in_submit(given, backend)


def _refuse(given: Mapping[str, Any], names: tuple[str, ...], why: str) -> None:
    for name in names:
        if given.get(name) is not None:
            raise BadInput(f"--{name.replace('_', '-')} {why}")


def _refuse_in_submit(given: Mapping[str, Any], backend: Backend) -> None:
    if given["gpus"] is not None and backend == "local":
        raise BadInput("--gpus says how many GPUs a cluster has: local cells run on this machine's, see --workers")
    if given["output"] is not None and not given["dry_run"]:
        raise BadInput(f"-o {given['output']} is the form of a dry run: add --dry-run, or leave it out")
    if given["output"] in ("yaml", "name") and given["json"]:
        raise BadInput(f"-o {given['output']} and --json are two forms of a dry run: leave one out")
