"""Tests of a built image are for `make image-test`: a first build takes minutes and 20 GB."""

import os

collect_ignore = [] if os.environ.get("BUILT_IMAGE") else ["test_built.py"]
