"""Launcher and report tell a store that cannot be used as they tell every mistake: one line, exit code 2."""

import subprocess
import sys

import pytest

from tests.cluster.minio import Minio
from tests.contract.fronts import front_of, ignoring_conditions
from tests.launcher.program import Launcher

READING = ("s3:PutObject",)
WRITING = ("s3:GetObject", "s3:ListBucket")


@pytest.fixture
def settings(minio: Minio, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def assert_refused(done: subprocess.CompletedProcess[str], program: str, *words: str) -> None:
    assert (done.returncode, done.stdout) == (2, ""), done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    for word in (f"{program}: error: ", *words):
        assert word in line


def reported(uri: str, grid: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "aggregator", "report", "--grid", grid, "--results-uri", uri]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("verb", ["plan", "submit", "status", "gc"])
def test_a_bucket_that_is_not_there(settings: pytest.MonkeyPatch, launcher: Launcher, verb: str):
    launcher.results = "s3://no-such-bucket-here/study"
    assert_refused(launcher(verb), "launcher", "RESULTS_URI=s3://no-such-bucket-here/study", "make it first")


@pytest.mark.parametrize(("verb", "actions"), [("status", READING), ("plan", READING), ("submit", WRITING)])
def test_rights_that_are_missing(
    settings: pytest.MonkeyPatch,
    minio: Minio,
    bucket: str,
    launcher: Launcher,
    verb: str,
    actions: tuple[str, ...],
):
    for name, value in minio.of_somebody_with(*actions).items():
        settings.setenv(name, value)
    launcher.results = f"s3://{bucket}/study"
    assert_refused(launcher(verb), "launcher", "AccessDenied", "these credentials need s3:ListBucket")
    if verb == "status":
        assert_refused(reported(launcher.results, str(launcher.grid_file)), "aggregator", "AccessDenied")


def test_credentials_in_the_uri(launcher: Launcher):
    launcher.results = "s3://me:t0p/secret@bucket"
    done = launcher("plan")
    assert_refused(done, "launcher", "AWS_SECRET_ACCESS_KEY")
    assert "secret@" not in done.stderr


def test_a_store_without_conditional_writes_is_used_by_whoever_says_so(
    settings: pytest.MonkeyPatch, minio: Minio, bucket: str, launcher: Launcher
):
    launcher.results = f"s3://{bucket}/study"
    with front_of(minio, ignoring_conditions(minio)) as url:
        settings.setenv("AWS_ENDPOINT_URL_S3", url)
        assert_refused(launcher("submit"), "launcher", "LAUNCHER_RESULTS_UNSAFE=1")
        settings.setenv("LAUNCHER_RESULTS_UNSAFE", "1")
        assert "not each once" in launcher("doctor").stdout
        done = launcher("submit", "--yes")
    assert done.returncode == 0, done.stderr
    assert {life["unsafe"] for life in launcher.lives()} == {True}
