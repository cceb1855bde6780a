"""Tests of a GPU are for a machine that has one: `make test-gpu`."""

import os

collect_ignore = [] if os.environ.get("TEST_GPU") else ["test_gpu.py"]
