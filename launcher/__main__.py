"""`python -m launcher`."""

import gc
import sys

from launcher.cli import main

_ALLOCATIONS_BETWEEN_COLLECTIONS = 20_000
"""Python's own 700 would look for garbage, again and again, among the thousands of cells that live until the end."""

if __name__ == "__main__":
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)
    sys.exit(main())
