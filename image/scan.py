"""`make image-scan`: what is in the image (CycloneDX), under which licences, and what is known against it."""

import json
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from image.build import dependencies
from image.pip_settings import pip_secrets
from image.settings import ROOT, Settings
from image.tool import Build, Tool

FOUND = ROOT / "image-scan"


@dataclass(frozen=True)
class Scan:
    """`licences` maps a licence to its packages; `vulnerabilities` is None where nobody could be asked."""

    bill: Path
    licences: Mapping[str, list[str]]
    vulnerabilities: list[str] | None

    def __str__(self) -> str:
        packages = sum(map(len, self.licences.values()))
        return "\n".join(
            [
                f"{packages} Python packages: {self.bill.relative_to(ROOT)}",
                *(f"  {licence}: {', '.join(names)}" for licence, names in sorted(self.licences.items())),
                *self._told_of_vulnerabilities(),
            ]
        )

    def _told_of_vulnerabilities(self) -> list[str]:
        if self.vulnerabilities is None:
            return ["known vulnerabilities: not looked up, pip-audit's service was not reached"]
        return [f"known vulnerabilities: {len(self.vulnerabilities)}", *(f"  {each}" for each in self.vulnerabilities)]


def scan(tool: Tool, settings: Settings) -> Scan:
    """Raises ImageFailed."""
    arguments = {"DEPENDENCIES": dependencies(tool, settings), "TODAY": f"{datetime.now(UTC):%Y-%m-%d}"}
    with tempfile.TemporaryDirectory() as folder:
        tool.build(
            Build(
                "found",
                arguments,
                folder=FOUND,
                file=ROOT / "image/scan.Dockerfile",
                platform=settings.platform,
                secrets=pip_secrets(Path(folder)),
            )
        )
    return read(FOUND)


def read(folder: Path) -> Scan:
    """What the last stage of scan.Dockerfile left in the folder."""
    bill = folder / "sbom.cdx.json"
    return Scan(bill, licences(json.loads(bill.read_text())), vulnerabilities(folder / "vulnerabilities.json"))


def licences(bill: Mapping[str, Any]) -> dict[str, list[str]]:
    """Licence -> packages, from a CycloneDX document."""
    found = defaultdict(list)
    for component in bill["components"]:
        found[_licence(component.get("licenses", []))].append(component["name"])
    return dict(found)


def _licence(declared: Sequence[Mapping[str, Any]]) -> str:
    """An SPDX expression or id where the author gave one, else the last words of the classifiers."""
    named = [each.get("expression") or each["license"].get("id") for each in declared]
    if any(named):
        return " AND ".join(sorted(filter(None, named)))
    classifiers = [each["license"]["name"].strip().partition("\n")[0] for each in declared]
    return ", ".join(sorted(each.rpartition(" :: ")[2] for each in classifiers)) or "unknown"


def vulnerabilities(file: Path) -> list[str] | None:
    """Package, version and id of each. None where pip-audit got no answer, which it counts as no vulnerability."""
    if not file.exists() or not file.stat().st_size:
        return None
    packages = json.loads(file.read_text())["dependencies"]
    looked_up = [package for package in packages if "skip_reason" not in package]
    if not looked_up:
        return None
    return [f"{each['name']} {each['version']}: {known['id']}" for each in looked_up for known in each["vulns"]]
