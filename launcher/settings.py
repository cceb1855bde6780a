"""The launcher's own settings: `LAUNCHER_...` in the environment, overridden by options."""

import shlex
import shutil
import sys

from pydantic import Field, PositiveInt, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from contract.exits import BadInput
from contract.explain import one_line
from contract.task import env_name


class LauncherSettings(BaseSettings):
    """Where results go and how local cells are run."""

    model_config = SettingsConfigDict(env_prefix="LAUNCHER_", frozen=True)

    results_uri: str = "results"
    workers: PositiveInt | None = None
    """Cells at a time; None is one for each GPU, on a machine without one for each processor."""
    trainer_command: str = Field(default=f"{shlex.quote(sys.executable)} -m trainer")
    """How to start a trainer; the training stack may live in another environment than the launcher."""

    def trainer(self) -> list[str]:
        """`trainer_command` as words. Raises BadInput when there is no such program."""
        name = env_name("launcher", "trainer_command")
        try:
            words = shlex.split(self.trainer_command)
        except ValueError as error:
            raise BadInput(f"{name}={self.trainer_command}: {str(error).lower()}") from error
        if not words or shutil.which(words[0]) is None:
            raise BadInput(f"{name}={self.trainer_command}: no such program; give one that starts a trainer")
        return words


def launcher_settings() -> LauncherSettings:
    """Raises BadInput, spelled as in the environment."""
    try:
        return LauncherSettings()
    except ValidationError as error:
        words = one_line(error, LauncherSettings, spell=lambda path: env_name("launcher", *path))
        raise BadInput(words) from error
