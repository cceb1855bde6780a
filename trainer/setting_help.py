"""A setting in `--help`."""

import textwrap
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo


def setting_help(name: str, field: FieldInfo) -> str:
    """One setting: its name, its default, what it means and, of a closed set, its values."""
    default = "unset" if field.default is None else str(field.default)
    column = f"  {name:34} {'required' if field.is_required() else default:16} "
    values = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    choices = f"One of {', '.join(values)}." if len(values) > 1 else ""
    words = " ".join(filter(None, [field.description, choices]))
    return textwrap.fill(column + words, width=120, subsequent_indent=" " * len(column)).rstrip()
