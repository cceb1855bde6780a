"""An order to copy one input of cells from where it is published to where cells reach it.

The launcher writes it as environment variables, `python -m trainer.prefetch` reads the same ones back.
"""

import hashlib
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from contract.cell import MODELS
from contract.exits import BadInput
from contract.explain import one_line
from contract.inputs import CORPUS
from contract.task import Settings, env_name

_GROUP = "prefetch"


def _known_input(name: str) -> str:
    if name != CORPUS and name not in MODELS:
        raise ValueError(f"unknown input {name!r}; known inputs: {', '.join((*MODELS, CORPUS))}")
    return name


class Prefetch(Settings):
    """What to copy, whence and where to."""

    input: Annotated[str, AfterValidator(_known_input)]
    """A registered model, or go_emotions for the corpus."""
    source: str = Field(default="hub", min_length=1)
    """`hub`, or a folder: of a model one that holds one folder per model name."""
    place: str = Field(min_length=1)
    """The folder or `s3://bucket/prefix` that gets a folder of the input's name."""
    unsafe: bool = False
    """Use a bucket whose store has no conditional writes."""
    four_bit: bool = True
    """Whether a model gets its base in four bits beside it, which cells then need not quantise."""
    double_quant: bool = True
    """How those are quantised: the cells' MODEL_DOUBLE_QUANT."""

    def to_env(self) -> dict[str, str]:
        """As environment variables: `PREFETCH_INPUT`, `PREFETCH_SOURCE`, ..."""
        return {env_name(_GROUP, name): str(value) for name, value in self.model_dump().items()}

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Prefetch":
        """What `to_env` wrote. Raises BadInput, spelled as in the environment."""
        given = {name: environ.get(env_name(_GROUP, name)) for name in cls.model_fields}
        try:
            return cls.model_validate({name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            raise BadInput(one_line(error, cls, spell=lambda path: env_name(_GROUP, *path))) from error

    @property
    def digest(self) -> str:
        """16 hex digits that are equal for two orders exactly when they ask for the same."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]
