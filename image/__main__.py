"""`python -m image build | base | scan`: what `make image`, `make base-image` and `make image-scan` run."""

import argparse
import os
import sys

from image.base import build_base
from image.build import build_image
from image.failure import ImageFailed
from image.scan import scan
from image.settings import settings_from
from image.tool import find_tool

_COMMANDS = {"build": build_image, "base": build_base, "scan": scan}


def main() -> int:
    """Everything but the command comes from the environment."""
    parser = argparse.ArgumentParser(prog="python -m image")
    parser.add_argument("command", choices=_COMMANDS)
    command = _COMMANDS[parser.parse_args().command]
    try:
        sys.stdout.write(f"{command(find_tool(), settings_from(os.environ))}\n")
    except ImageFailed as error:
        sys.stderr.write(f"image: error: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
