"""The AWS CLI in an environment of its own, in the user's cache: its botocore is not this project's."""

import subprocess
import venv
from collections.abc import Sequence

from tests.cluster.cache import cache_folder, locked, written_aside

_VERSION = "1.46.3"


def awscli() -> Sequence[str]:
    """The command; installed first where it is not there."""
    entry = cache_folder() / f"awscli-{_VERSION}"
    with locked(entry):
        if not entry.exists():
            with written_aside(entry) as aside:
                venv.create(aside, with_pip=True)
                python = aside / "bin" / "python"
                command = [str(python), "-m", "pip", "install", "--quiet", f"awscli=={_VERSION}"]
                subprocess.run(command, check=True)  # noqa: S603
    return [str(entry / "bin" / "python"), "-m", "awscli"]
