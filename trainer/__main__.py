"""`python -m trainer`: train the cell that the environment asks for."""

import argparse
import sys

from contract import __version__
from contract.code_version import code_version
from contract.exits import EXIT_CODES, INCOMPLETE
from contract.task import env_name, setting_fields
from trainer.setting_help import setting_help


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
    settings = [setting_help(env_name(*path), field) for path, field in setting_fields().items()]
    codes = [f"  {c.number:3}  {c.name:20} {c.meaning}" for c in EXIT_CODES.values() if c is not INCOMPLETE]
    return "\n".join(["environment:", *settings, "", "exit codes:", *codes])


if __name__ == "__main__":
    sys.exit(main())
