"""What tests of every part share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples everywhere; and a busy machine is no failure.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

pytest_plugins = ["tests.cluster.plugin"]


@pytest.fixture(scope="session")
def goemotions() -> Path:
    """The real corpus; it is not part of the repository."""
    folder = os.environ.get("GOEMOTIONS_DIR")
    if not folder:
        pytest.skip(
            "needs the corpus: set GOEMOTIONS_DIR to a folder with the authors' train.tsv, test.tsv, labels.txt"
        )
    return Path(folder)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """With FAIL_ON_SKIP a skipped test is a failure: a machine that has everything must run everything."""
    if os.environ.get("FAIL_ON_SKIP") and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line("FAIL_ON_SKIP is set and tests were skipped", red=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """See pytest_terminal_summary."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and os.environ.get("FAIL_ON_SKIP") and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
