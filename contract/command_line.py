"""How a command tells a mistake: one line on stderr, without a traceback, and an exit code."""

import argparse
import sys

from contract.exits import BAD_INPUT, UNEXPECTED, BadInput, ProgramError
from contract.printable import printable
from contract.redact import redacted


class Parser(argparse.ArgumentParser):
    """Tells a wrong command line as every other mistake is told."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """Raises BadInput."""
        raise BadInput(f"{message}; see {self.prog} --help")


def tell(program: str, error: ProgramError) -> int:
    """Say what is wrong; returns 2 for the user's mistake and 1 for anything else."""
    sys.stderr.write(f"{program}: error: {printable(redacted(str(error)))}\n")
    return BAD_INPUT.number if error.exit_code is BAD_INPUT else UNEXPECTED.number
