"""The task of this process, read from its environment and from nothing else."""

from collections.abc import Mapping

from pydantic import ValidationError

from contract.environment import strangers
from contract.exits import BadInput
from contract.explain import one_line
from contract.task import Task, env_name, setting_fields


def task_from_environment(environ: Mapping[str, str]) -> Task:
    """What `Task.to_env` wrote. Raises BadInput with one line, spelled as in the environment, for what cannot be used.

    Not pydantic-settings: it would also take a `DATA` or `LOG` of the shell for a whole group of settings, in JSON.
    """
    for name, meant in strangers(environ).items():
        raise BadInput(f"unknown environment name {name}; did you mean {meant}?")
    groups: dict[str, dict[str, str]] = {group: {} for group, _ in setting_fields()}
    for group, name in setting_fields():
        if (value := environ.get(env_name(group, name))) is not None:
            groups[group][name] = value
    try:
        return Task.model_validate(groups)
    except ValidationError as error:
        raise BadInput(one_line(error, Task, spell=lambda path: env_name(*path))) from error
