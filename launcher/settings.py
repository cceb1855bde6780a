"""The launcher's own settings: `LAUNCHER_...` in the environment, overridden by options."""

import os
import shlex
import sys

from pydantic import Field, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict


class LauncherSettings(BaseSettings):
    """Where results go and how local cells are run."""

    model_config = SettingsConfigDict(env_prefix="LAUNCHER_", frozen=True)

    results_uri: str = "results"
    workers: PositiveInt | None = None
    """Cells at a time; None is one for each processor. On a machine with one GPU set 1."""
    trainer_command: str = Field(default=f"{shlex.quote(sys.executable)} -m trainer")
    """How to start a trainer; the training stack may live in another environment than the launcher."""


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
