"""The launcher's own settings: `LAUNCHER_...` in the environment, overridden by options."""

import getpass
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_origin

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from contract.exits import BadInput
from contract.explain import nearest, one_line
from contract.task import env_name
from launcher.command_line.job_options import JobOptions, LabelValue, Namespace
from launcher.command_line.talk import say

_WITH_OPTIONS = ("image", "owner", "namespace", "queue", "priority")
"""Settings that a user may not know by their variable."""
Backend = Literal["local", "kubernetes"]
S = TypeVar("S", bound=BaseSettings)


def login_label() -> str:
    """The user's login name as a label's value; empty where there is none."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        return ""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:63].strip("._-")


class LauncherSettings(BaseSettings):
    """Where results go and how local cells are run."""

    model_config = SettingsConfigDict(env_prefix="LAUNCHER_", frozen=True)

    results_uri: str = "results"
    results_unsafe: bool = False
    """Use a bucket whose store has no conditional writes; every result then says so."""
    backend: Backend = "kubernetes"
    """Where cells run."""
    workers: PositiveInt | None = None
    """Cells at a time; None is one for each GPU, on a machine without one for each processor."""
    trainer_command: str = Field(default=f"{shlex.quote(sys.executable)} -m trainer")
    """How to start a trainer; the training stack may live in another environment than the launcher. `.prefetch` after
    it starts a prefetch."""

    def on_cluster(self, asked: Backend | None) -> bool:
        """Whether cells are Jobs; `asked` is the command line's backend."""
        return (asked or self.backend) == "kubernetes"

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


class PriceSettings(BaseSettings):
    """What GPUs there are to plan with, and what they may cost."""

    model_config = SettingsConfigDict(env_prefix="LAUNCHER_", frozen=True)

    gpus: PositiveInt | None = None
    """Cells at a time; None: as many as the machine or the cluster has."""
    gpu_hour_price: NonNegativeFloat | None = None
    """In whatever currency."""


class FuseSettings(BaseSettings):
    """How much one submit may be: a slip in a grid file should not fill a cluster."""

    model_config = SettingsConfigDict(env_prefix="LAUNCHER_", frozen=True)

    max_cells: PositiveInt = 1000
    """A submit that makes more Jobs is refused."""
    max_gpu_hours: PositiveFloat | None = None
    """A submit that may take more is refused; None: no limit."""


class _Environment(EnvSettingsSource):
    """The environment, whose lists and mappings are JSON."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Raises BadInput for what is no JSON."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError as error:
            form = '["NAME"]' if get_origin(field.annotation) is tuple else '{"NAME": ...}'
            raise BadInput(f"{env_name('launcher', field_name)}={value}: expected JSON such as {form}") from error


class ClusterSettings(BaseSettings):
    """Which cluster, whose Jobs, and how fast it is asked."""

    model_config = SettingsConfigDict(env_prefix="LAUNCHER_", frozen=True)

    context: str | None = None
    """Of the kubeconfig; None is its current one."""
    namespace: Namespace = "emotion-grid"
    owner: LabelValue = Field(default_factory=login_label, validate_default=True)
    connections: PositiveInt = 16
    """Requests at a time."""
    requests_per_second: PositiveFloat | None = None
    """None: as fast as the API server answers; it says itself when that is too fast."""


class JobSettings(BaseSettings, JobOptions):
    """The options of the Jobs from the environment."""

    model_config = SettingsConfigDict(env_prefix="LAUNCHER_", frozen=True)

    owner: LabelValue = Field(default_factory=login_label, validate_default=True)
    template: Path | None = None
    """A job.yaml of your own; None is the one that comes with the program."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The command line before the environment."""
        return init_settings, _Environment(settings_cls)


class DraftSettings(JobSettings):
    """The same while no image is chosen yet, or none that can be."""

    image: str = ""


def launcher_settings() -> LauncherSettings:
    """Raises BadInput, spelled as in the environment."""
    return _read(LauncherSettings, {})


def cluster_settings(given: dict[str, Any]) -> ClusterSettings:
    """`given` are options of the command line; None is not given. Raises BadInput."""
    return _read(ClusterSettings, given)


def job_options(given: dict[str, Any]) -> JobSettings:
    """The same for the Jobs. Raises BadInput, also where no image is named."""
    return _read(JobSettings, given)


def price_settings(given: dict[str, Any]) -> PriceSettings:
    """The same for prices. Raises BadInput."""
    return _read(PriceSettings, given)


def fuse_settings(given: dict[str, Any]) -> FuseSettings:
    """The same for the fuse. Raises BadInput."""
    return _read(FuseSettings, given)


def draft_options(given: dict[str, Any]) -> DraftSettings:
    """The same for whoever only asks what is missing. Raises BadInput."""
    return _read(DraftSettings, given)


def warn_of_strangers(environ: Mapping[str, str]) -> None:
    """A line for each name that begins like a setting and is none: a slip, of which nothing else would tell."""
    kinds: tuple[type[BaseSettings], ...] = (
        LauncherSettings,
        ClusterSettings,
        JobSettings,
        PriceSettings,
        FuseSettings,
    )
    known = [env_name("launcher", field) for kind in kinds for field in kind.model_fields]
    for name in environ:
        if name.upper().startswith("LAUNCHER_") and name.upper() not in known:
            say(f"warning: {name} is no setting{nearest(name, known)}")


def as_given(field: str, value: object, given: Mapping[str, Any]) -> str:
    """A setting's name and value as the user wrote them: an option of the command line, else a variable that is set."""
    variable = env_name("launcher", field)
    if given.get(field) is None and variable in os.environ:
        return f"{variable}={os.environ[variable]}"
    return f"--{field.replace('_', '-')} {value if given.get(field) is None else given[field]}"


def _read(kind: type[S], given: dict[str, Any]) -> S:
    known = {name: value for name, value in given.items() if value is not None and name in kind.model_fields}
    try:
        return kind(**known)
    except ValidationError as error:
        words = one_line(error, kind, spell=lambda path: _spell(path, known))
        raise BadInput(words) from error


def _spell(path: tuple[str, ...], known: dict[str, Any]) -> str:
    if not path:  # several settings do not go together; the message names them
        return ""
    option, variable = f"--{path[0].replace('_', '-')}", env_name("launcher", path[0])
    if path[0] in known:
        return option
    if inside := [part for part in path[1:] if part != "[key]"]:
        return f"{variable}, {'.'.join(inside)}"
    return f"{variable} (or {option})" if path[0] in _WITH_OPTIONS else variable
