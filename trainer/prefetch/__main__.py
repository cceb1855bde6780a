"""`python -m trainer.prefetch`: copy the input that the environment asks for, and end as contract/exits.py says."""

import argparse
import os
import signal
import sys
from types import FrameType

from contract.exits import OK, PREEMPTED, UNEXPECTED, ExitCode
from contract.prefetch import Prefetch
from contract.processors import processors
from contract.redact import redacted
from contract.task import env_name
from trainer.failures import exit_code_of, named
from trainer.libraries import prepare_libraries
from trainer.publish import traceback_tail
from trainer.setting_help import setting_help


def main() -> int:
    """Everything comes from the environment; the command line knows --help only."""
    argparse.ArgumentParser(
        prog="trainer.prefetch",
        description="Copies one input of cells, from the hub or a folder, to where cells reach it. "
        "Configured by the environment alone; HF_TOKEN is for gated models.",
        epilog=_environment_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    signal.signal(signal.SIGTERM, _stop)
    prepare_libraries(processors())
    os.environ["HF_HUB_VERBOSITY"] = "error"  # its refusals are told in a line of ours
    try:
        order = Prefetch.from_env(os.environ)

        from trainer.prefetch.run import prefetch

        prefetch(order)
    except Exception as error:
        return _told(named(error)).number
    return OK.number


def _told(error: BaseException) -> ExitCode:
    """One line, and before it the traceback of what nobody foresaw."""
    code = exit_code_of(error)
    if code is UNEXPECTED:
        sys.stderr.writelines(f"{line}\n" for line in traceback_tail(error))
    sys.stderr.write(f"trainer.prefetch: error: {redacted(str(error)) or type(error).__name__}\n")
    return code


def _stop(_signal: int, _frame: FrameType | None) -> None:
    """What is no Exception ends it: a client of buckets takes any other for a request that failed, and repeats it."""
    sys.stderr.write("trainer.prefetch: error: stopped by SIGTERM; what is copied stays, run it again for the rest\n")
    raise SystemExit(PREEMPTED.number)


def _environment_help() -> str:
    settings = [setting_help(env_name("prefetch", name), field) for name, field in Prefetch.model_fields.items()]
    return "\n".join(["environment:", *settings])


if __name__ == "__main__":
    sys.exit(main())
