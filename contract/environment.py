"""Names in an environment that are meant for a cell, or look as if they were, and are no setting of it."""

from collections.abc import Mapping
from difflib import get_close_matches

from contract.task import Task, env_name, setting_fields

IMAGE = "IMAGE"
"""In which image a cell runs, as its Job names it: provenance, and no setting of the cell."""


def without_hub(task: Task) -> dict[str, str]:
    """What keeps the libraries of a cell that needs no hub from asking one."""
    return {} if task.needs_hub else {"HF_HUB_OFFLINE": "1"}


def strangers(environ: Mapping[str, str]) -> dict[str, str]:
    """Names that begin like a setting, or are nearly one, and are none; each with the setting that it may mean."""
    known = [env_name(*path) for path in setting_fields()]
    prefixes = tuple({f"{name.split('_')[0]}_" for name in known})
    found = {}
    for name in environ:
        close = get_close_matches(name, known, n=1, cutoff=0.85)
        if name not in known and (close or name.startswith(prefixes)):
            (found[name],) = close or get_close_matches(name, known, n=1, cutoff=0.0)
    return found
