"""How this machine's pip reaches its index, for the build to use: as secrets, which leave nothing in the image."""

import ast
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_NETWORK = {"index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout", "retries", "cert"}
_SECTIONS = ("global", "install", ":env:")
"""Those that matter to `pip install`; each overrides the ones before it."""
_CERTIFICATES = "/run/secrets/certificates.pem"
"""Where the Dockerfile mounts the secret `certificates`."""


def pip_secrets(folder: Path) -> dict[str, Path]:
    """Secret -> file, for the Dockerfile's mounts; the file with pip's settings is written into `folder`."""
    settings = network_settings(_listed())
    file = folder / "pip.conf"
    file.touch(mode=0o600)
    if (certificates := settings.get("cert")) is None:
        file.write_text(configuration(settings))
        return {"pip": file}
    file.write_text(configuration(settings | {"cert": _CERTIFICATES}))
    return {"pip": file, "certificates": Path(certificates)}


def network_settings(listed: str) -> dict[str, str]:
    """The network's part of what `pip config list` says, in lines such as `global.timeout='60'`."""
    found = re.findall(r"^(\S+?)\.([\w-]+)=(['\"].*)$", listed, re.MULTILINE)
    known = [each for each in found if each[0] in _SECTIONS and each[1] in _NETWORK]
    by_weight = sorted(known, key=lambda each: _SECTIONS.index(each[0]))
    return {name: str(ast.literal_eval(value)) for _, name, value in by_weight}


def configuration(settings: Mapping[str, str]) -> str:
    """The text of a pip.conf. A value of several lines is indented, as pip wants it."""
    lines = [f"{name} = {value.strip()}".replace("\n", "\n  ") for name, value in settings.items()]
    return "\n".join(["[global]", *lines, ""])


def _listed() -> str:
    command = [sys.executable, "-m", "pip", "config", "list"]
    return subprocess.run(command, capture_output=True, text=True).stdout
