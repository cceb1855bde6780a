"""What is said about the packages of the image."""

import json
from pathlib import Path

import pytest

from image.scan import licences, vulnerabilities

SKIPPED = {"name": "a", "skip_reason": "Dependency not found on PyPI and could not be audited: a (1)"}
CLEAN = {"name": "b", "version": "1", "vulns": []}
KNOWN = {"name": "c", "version": "2", "vulns": [{"id": "CVE-2026-1"}]}


@pytest.mark.parametrize(
    ("answer", "told"),
    [([SKIPPED], None), ([SKIPPED, CLEAN], []), ([CLEAN, KNOWN], ["c 2: CVE-2026-1"])],
)
def test_nobody_asked_is_not_nothing_known(tmp_path: Path, answer: list[dict[str, object]], told: list[str] | None):
    """Catches a clean bill from a machine without a network: pip-audit then says that nothing is known."""
    (tmp_path / "found.json").write_text(json.dumps({"dependencies": answer, "fixes": []}))
    assert vulnerabilities(tmp_path / "found.json") == told


def test_an_audit_that_left_nothing_found_nothing_out(tmp_path: Path):
    assert vulnerabilities(tmp_path / "found.json") is None
    (tmp_path / "found.json").touch()
    assert vulnerabilities(tmp_path / "found.json") is None


@pytest.mark.parametrize(
    ("declared", "licence"),
    [
        ([{"license": {"id": "MPL-2.0"}}, {"license": {"name": "License :: OSI Approved :: Mozilla"}}], "MPL-2.0"),
        ([{"expression": "MIT AND Zlib"}], "MIT AND Zlib"),
        ([{"license": {"name": "License :: OSI Approved :: BSD License"}}], "BSD License"),
        ([], "unknown"),
    ],
)
def test_a_licence_is_named_as_shortly_as_its_author_did(declared: list[dict[str, object]], licence: str):
    assert licences({"components": [{"name": "x", "licenses": declared}]}) == {licence: ["x"]}
