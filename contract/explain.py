"""A validation error in one line: the value, what is wrong with it, and what would be accepted."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

Spell = Callable[[tuple[str, ...]], str]

_EXPECTED = {
    "dict_type": "names with values, as in {name: value}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "model_type": "names with values, as in {name: value}",
    "too_short": "at least one entry",
    "tuple_type": "a list, as in [first, second]",
}
"""Types of pydantic's errors whose messages speak of Python."""


def one_line(error: ValidationError, root: type[BaseModel], spell: Spell = ".".join) -> str:
    """The most telling fault of `error`; `spell` writes a location the way the user wrote it."""
    return r"\n".join(_reason(error, root, spell).splitlines())


def _reason(error: ValidationError, root: type[BaseModel], spell: Spell) -> str:
    faults = error.errors()
    # A misspelled name comes first: it is why another one is missing.
    fault = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    location = tuple(str(part) for part in fault["loc"])
    name, value = spell(location), fault["input"]
    match fault["type"]:
        case "extra_forbidden":
            known = _siblings(root, location)
            return f"unknown setting {name}{nearest(location[-1], known)}; known settings: {', '.join(known)}"
        case "missing":
            return f"{name} is not set"
        case "value_error":
            reason = str(fault["ctx"]["error"])
            return f"{name}: {reason}" if location else reason
        case kind if kind in _EXPECTED:
            return f"{name}={value}: expected {_EXPECTED[kind]}"
        case _:
            reason = fault["msg"][0].lower() + fault["msg"][1:]
            return f"{name}={value}: {reason}" if location else reason


def nearest(name: str, known: list[str]) -> str:
    """` (did you mean X?)` when one of `known` is spelled almost like `name`, else nothing."""
    close = get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _siblings(root: type[BaseModel], location: tuple[str, ...]) -> list[str]:
    model = root
    for part in location[:-1]:
        field = model.model_fields.get(part)
        if field is not None:
            model = _model_in(field.annotation) or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, also as the values of a dictionary or the items of a tuple."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
