"""Tests of a GPU are for a machine that has one: `make test-gpu`. The engines' gate takes long: `make test-engines`."""

import os

collect_ignore = [
    name
    for name, wanted in (("test_gpu.py", "TEST_GPU"), ("test_gate.py", "TEST_ENGINES"))
    if not os.environ.get(wanted)
]
