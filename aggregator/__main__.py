"""`python -m aggregator`."""

import sys

from aggregator.command_line.cli import main

if __name__ == "__main__":
    sys.exit(main())
