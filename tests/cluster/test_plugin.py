"""The fixtures cost a run of the tests one cluster."""

from pathlib import Path

import pytest


def test_workers_agree_on_who_has_the_cluster(
    request: pytest.FixtureRequest, cluster_binaries: dict[str, Path]
) -> None:
    grouped = getattr(request.config.option, "loadgroup", False)  # in a worker of pytest-xdist
    assert not grouped or request.node.nodeid.endswith("@cluster")
