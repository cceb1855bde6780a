"""axe-core, which finds what keeps people from using a page (https://github.com/dequelabs/axe-core, MPL-2.0).

It is fetched once into the user's cache and run in the browser; nothing of it becomes part of the project.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from tests.aggregator.browser import Tab

_VERSION = "4.14.1"
_SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
"""Of its package, as the registry lists it."""


def axe_script() -> str | None:
    """Its source; None where there is no npm to fetch it with."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emotion-grid" / "axe"
    package = folder / f"axe-core-{_VERSION}.tgz"
    npm = shutil.which("npm")
    if not package.exists():
        if npm is None:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm, "pack", "--silent", f"axe-core@{_VERSION}"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    if base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode() != _SHA512:
        raise RuntimeError(f"{package} is not axe-core {_VERSION}: delete it, then try again")
    with tarfile.open(package) as files:
        script = files.extractfile("package/axe.min.js")
        assert script
        return script.read().decode()


def violations(tab: Tab, script: str) -> list[dict[str, Any]]:
    """What axe finds on the page as it is shown: each rule with the elements that break it."""
    tab.run(f"{script};0")
    found = "axe.run().then(all => all.violations.map(one => ({rule: one.id, at: one.nodes.map(node => node.html)})))"
    return list(tab.run(found))
