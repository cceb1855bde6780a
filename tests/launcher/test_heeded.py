"""No option is left without effect in silence."""

from pathlib import Path

import pytest

from launcher.cli import main

SMOKE = ("--grid", "smoke")


@pytest.mark.parametrize(
    ("verb", "options", "words"),
    [
        ("submit", ("--backend", "local", "--image", "trainer:1"), "--image is about Jobs: add --backend kubernetes"),
        ("submit", ("--backend", "local", "--template", "job.yaml"), "--template is about Jobs"),
        ("submit", ("--backend", "local", "--max-cells", "5"), "--max-cells is about Jobs"),
        ("retry", ("--backend", "local", "--image", "trainer:1"), "--image is about Jobs"),
        ("retry", ("--backend", "local", "--queue", "cells"), "--queue is about Jobs"),
        ("submit", ("--backend", "local", "--priority", "urgent"), "--priority is about Jobs"),
        ("status", ("--backend", "local", "--namespace", "mine"), "--namespace is about Jobs"),
        ("plan", ("--backend", "local", "--context", "kind"), "--context is about Jobs"),
        ("plan", ("--backend", "local", "--queue", "cells"), "--queue is about Jobs"),
        ("wait", ("--backend", "local", "--owner", "me"), "--owner is about Jobs"),
        ("submit", ("--backend", "local", "--gpus", "8"), "--gpus says how many GPUs a cluster has"),
        (
            "submit",
            ("--backend", "kubernetes", "--workers", "2"),
            "--workers is about local cells: add --backend local",
        ),
        ("plan", ("--backend", "kubernetes", "--workers", "2"), "--workers is about local cells"),
        ("retry", ("--backend", "kubernetes", "--workers", "2"), "--workers is about local cells"),
        ("submit", ("--backend", "kubernetes", "-o", "json"), "-o json is the form of a dry run: add --dry-run"),
        ("submit", ("--backend", "local", "-o", "yaml"), "-o yaml is the form of a dry run"),
        (
            "submit",
            ("--backend", "kubernetes", "--results-uri", "s3://b/x", "--image", "a:1", "--priority", "high"),
            "priority high is one in a queue",
        ),
        (
            "submit",
            ("--backend", "kubernetes", "--dry-run", "-o", "name", "--json"),
            "-o name and --json are two forms",
        ),
    ],
)
def test_an_option_that_would_do_nothing_is_refused_in_one_line(
    verb: str,
    options: tuple[str, ...],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([verb, *SMOKE, *options]) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"launcher: error: {words}")
    assert (told.err.count("\n"), told.out) == (1, "")
    assert not list(tmp_path.iterdir())
