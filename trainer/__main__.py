"""`python -m trainer`: train the cell that the environment asks for."""

import argparse
import sys
import textwrap
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from contract import __version__
from contract.code_version import code_version
from contract.exits import EXIT_CODES, INCOMPLETE
from contract.task import env_name, setting_fields


def main() -> int:
    """Everything comes from the environment; the command line knows --help and --version only."""
    parser = argparse.ArgumentParser(
        prog="trainer",
        description="Trains one cell and publishes one result. Configured by the environment alone.",
        epilog=_environment_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="show the version and the code's commit, and end")
    if parser.parse_args().version:
        sys.stdout.write(f"emotion-grid trainer {__version__}, code {code_version()}\n")
        return 0

    from trainer.attempt import main as run

    return run()


def _environment_help() -> str:
    settings = [_setting_help(env_name(*path), field) for path, field in setting_fields().items()]
    codes = [f"  {c.number:3}  {c.name:20} {c.meaning}" for c in EXIT_CODES.values() if c is not INCOMPLETE]
    return "\n".join(["environment:", *settings, "", "exit codes:", *codes])


def _setting_help(name: str, field: FieldInfo) -> str:
    """One setting: its name, its default, what it means and, of a closed set, its values."""
    default = "unset" if field.default is None else str(field.default)
    column = f"  {name:34} {'required' if field.is_required() else default:16} "
    values = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    choices = f"One of {', '.join(values)}." if len(values) > 1 else ""
    words = " ".join(filter(None, [field.description, choices]))
    return textwrap.fill(column + words, width=120, subsequent_indent=" " * len(column)).rstrip()


if __name__ == "__main__":
    sys.exit(main())
