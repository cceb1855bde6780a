"""The task of this process, read from its environment and from nothing else."""

from collections.abc import Mapping
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from contract.exits import BadInput
from contract.explain import one_line
from contract.task import Task, env_name, setting_fields


class TaskFromEnv(BaseSettings, Task):
    """A Task whose fields come from `CELL_MODEL`, `HYPER_LEARNING_RATE`, ... as `Task.to_env` writes them."""

    model_config = SettingsConfigDict(
        env_nested_delimiter="_", env_nested_max_split=1, case_sensitive=False, extra="forbid", frozen=True
    )


def task_from_environment(environ: Mapping[str, str]) -> Task:
    """Raises BadInput with one line, spelled as in the environment, for whatever cannot be used."""
    refuse_strangers(environ)
    try:
        task = TaskFromEnv()
    except ValidationError as error:
        raise BadInput(one_line(error, Task, spell=lambda path: env_name(*path))) from error
    return Task.model_validate(task.model_dump())


def refuse_strangers(environ: Mapping[str, str]) -> None:
    """Raises BadInput for a name that begins like a setting, or is nearly one, and is none."""
    known = [env_name(*path) for path in setting_fields()]
    prefixes = tuple({f"{name.split('_')[0]}_" for name in known})
    for name in environ:
        close = get_close_matches(name, known, n=1, cutoff=0.85)
        if name not in known and (close or name.startswith(prefixes)):
            hint = close or get_close_matches(name, known, n=1, cutoff=0.0)
            raise BadInput(f"unknown environment name {name}; did you mean {hint[0]}?")
