"""The look of the page is for `make report-look`: it needs a browser."""

import os
from pathlib import Path

import pytest

from tests.aggregator.desk import Desk

collect_ignore = [] if os.environ.get("REPORT_LOOK") else ["test_look.py"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
