"""A grid: models x labels x samples x seeds and the settings that its cells share. Named, or a YAML file."""

import re
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from yaml.constructor import ConstructorError

from contract.cell import Cell, known_model
from contract.exits import BadInput
from contract.explain import nearest, one_line
from contract.task import Results, Settings, Task

T = TypeVar("T")
RUN_NAME = r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"
"""A grid's name is the default name of its runs, and part of the names of their Jobs."""


def is_run_name(text: str) -> bool:
    """Whether it can stand in a key and in the name of a Job."""
    return bool(re.fullmatch(RUN_NAME, text))


def run_name(text: str) -> str:
    """Raises ValueError for what cannot stand in a key and in the name of a Job."""
    if not is_run_name(text):
        raise ValueError(f"{text!r} is not made of up to 40 lower-case letters, digits and inner hyphens")
    return text


def _distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice!r} stands twice")
    return values


class Overrides(Settings):
    """Settings that differ from the defaults, by group; only what is named is kept."""

    hyper: dict[str, Any] = {}
    data: dict[str, Any] = {}
    model: dict[str, Any] = {}
    train: dict[str, Any] = {}
    checkpoint: dict[str, Any] = {}

    def over(self, base: "Overrides") -> "Overrides":
        """These settings, and where they are silent those of `base`."""
        groups = Overrides.model_fields
        return Overrides(**{group: getattr(base, group) | getattr(self, group) for group in groups})

    def without(self, group: str, name: str) -> "Overrides":
        """These settings, silent about one of them."""
        kept = {other: value for other, value in getattr(self, group).items() if other != name}
        return self.model_copy(update={group: kept})


class Selector(Settings):
    """A condition on cells: each named coordinate must be equal."""

    model: Annotated[str, AfterValidator(known_model)] | None = None
    labels: int | None = None
    samples: int | None = None
    seed: int | None = None

    def matches(self, cell: Cell) -> bool:
        """Whether `cell` fulfils every named coordinate."""
        return all(getattr(cell, name) == value for name, value in self.model_dump(exclude_none=True).items())


class Grid(BaseModel):
    """What a study asks for. `tasks()` is its product, less what `exclude` names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, AfterValidator(run_name)]
    models: Annotated[tuple[Annotated[str, AfterValidator(known_model)], ...], AfterValidator(_distinct)] = Field(
        min_length=1
    )
    labels: Annotated[tuple[int, ...], AfterValidator(_distinct)] = Field(min_length=1)
    samples: Annotated[tuple[int, ...], AfterValidator(_distinct)] = Field(min_length=1)
    seeds: Annotated[tuple[int, ...], AfterValidator(_distinct)] = Field(default=(0,), min_length=1)
    hyper: dict[str, Any] = {}
    data: dict[str, Any] = {}
    model: dict[str, Any] = {}
    train: dict[str, Any] = {}
    checkpoint: dict[str, Any] = {}
    per_model: dict[Annotated[str, AfterValidator(known_model)], Overrides] = {}
    exclude: tuple[Selector, ...] = ()

    @model_validator(mode="after")
    def _speaks_of_its_own_cells(self) -> "Grid":
        for model in self.per_model:
            if model not in self.models:
                raise ValueError(f"per_model: {model!r} is not a model of this grid: {', '.join(self.models)}")
        axes = {"model": self.models, "labels": self.labels, "samples": self.samples, "seed": self.seeds}
        for selector in self.exclude:
            for name, value in selector.model_dump(exclude_none=True).items():
                if value not in axes[name]:
                    raise ValueError(f"exclude: {name}={value} is not in this grid: {', '.join(map(str, axes[name]))}")
        return self

    def tasks(self, results_uri: str, *, unsafe: bool = False) -> list[Task]:
        """One task a cell, models outermost, seeds innermost. Raises BadInput on the first cell that cannot be."""
        results = Results(uri=results_uri, unsafe=unsafe)
        settings = {model: self._settings(model) | {"results": results} for model in self.models}
        tasks = [
            self._task(settings[model], model=model, labels=labels, samples=samples, seed=seed)
            for model, labels, samples, seed in product(self.models, self.labels, self.samples, self.seeds)
            if not self._excludes(model=model, labels=labels, samples=samples, seed=seed)
        ]
        if not tasks:
            raise BadInput(f"grid {self.name}: exclude leaves no cell")
        return tasks

    def _excludes(self, **coordinates: Any) -> bool:
        cell = Cell.model_construct(**coordinates)
        return any(selector.matches(cell) for selector in self.exclude)

    def _settings(self, model: str) -> dict[str, Any]:
        shared = Overrides(**{group: getattr(self, group) for group in Overrides.model_fields})
        return self.per_model.get(model, Overrides()).over(shared).model_dump()

    def _task(self, settings: dict[str, Any], **coordinates: Any) -> Task:
        try:
            return Task.model_validate(settings | {"cell": coordinates})
        except ValidationError as error:
            raise BadInput(f"grid {self.name}: {one_line(error, Task)}") from error

    def with_setting(self, assignment: str) -> "Grid":
        """The grid with `group.name=value`, or `model:group.name=value` for one model only.

        The later word counts: a value for every model takes the place of what per_model said before.
        """
        path, separator, value = assignment.partition("=")
        scope, colon, dotted = path.rpartition(":")
        group, dot, name = dotted.partition(".")
        if not separator or not dot or group not in Overrides.model_fields:
            groups = ", ".join(Overrides.model_fields)
            raise BadInput(f"bad setting {assignment!r}: expected [MODEL:]GROUP.NAME=VALUE with GROUP one of {groups}")
        if not colon:
            per_model = {model: overrides.without(group, name) for model, overrides in self.per_model.items()}
            return self.model_copy(update={group: getattr(self, group) | {name: value}, "per_model": per_model})
        if scope not in self.models:
            known = ", ".join(self.models)
            raise BadInput(f"bad setting {assignment!r}: {scope!r} is not a model of this grid: {known}")
        change = Overrides.model_validate({group: {name: value}})
        merged = change.over(self.per_model.get(scope, Overrides()))
        return self.model_copy(update={"per_model": self.per_model | {scope: merged}})


def named_grids() -> list[str]:
    """The grids that come with the program."""
    return sorted(
        entry.name.removesuffix(".yaml") for entry in _grid_folder().iterdir() if entry.name.endswith(".yaml")
    )


def load_grid(name_or_path: str) -> Grid:
    """A named grid or a grid file. Raises BadInput with one line that names the offending key or value."""
    if name_or_path in named_grids():
        return _parse(_grid_folder().joinpath(f"{name_or_path}.yaml").read_text(encoding="utf-8"), name_or_path)
    path = Path(name_or_path)
    try:
        if not path.is_file():
            known = ", ".join(named_grids())
            meant = nearest(name_or_path, named_grids())
            raise BadInput(f"no grid {name_or_path!r}: neither a file nor a named grid ({known}){meant}")
        return _parse(path.read_text(encoding="utf-8"), name_or_path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"cannot read grid file {name_or_path}: {reason}") from error


class _GridLoader(yaml.SafeLoader):
    """Refuses a key that stands twice; PyYAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Overrides PyYAML's."""
        seen = set()
        for key, _ in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else key
            if name in seen:
                raise ConstructorError(None, None, f"{name!r} stands twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


def _parse(text: str, origin: str) -> Grid:
    try:
        content = _GridLoader(text).get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date such as 2026-13-45
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        reason = " ".join(str(getattr(error, "problem", None) or error).split())
        raise BadInput(f"grid file {origin} is not valid YAML{line}: {reason}") from error
    if not isinstance(content, dict):
        raise BadInput(f"grid file {origin} must hold a mapping with name, models, labels and samples")
    try:
        return Grid.model_validate(content)
    except ValidationError as error:
        raise BadInput(f"grid {origin}: {one_line(error, Grid)}") from error


def _grid_folder() -> resources.abc.Traversable:
    return resources.files("contract") / "grids"
