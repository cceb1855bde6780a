"""Logins to registries, as `docker login` keeps them: in config.json, or with a credential helper.

https://docs.docker.com/reference/cli/docker/login/
"""

import base64
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launcher.command_line.reference import DOCKER_HUB

_HUB_LOGIN = "https://index.docker.io/v1/"
"""Under which Docker keeps the login to its own registry."""
_HELPER_SECONDS = 30
_IDENTITY = "<token>"
"""The user's name that a helper gives with an identity token."""


@dataclass(frozen=True)
class Password:
    """For Basic authentication, with the registry or with its token service."""

    user: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class IdentityToken:
    """To be changed into an access token, as an OAuth2 refresh token is."""

    secret: str = field(repr=False)


Login = Password | IdentityToken


def find_login(registry: str, environ: Mapping[str, str]) -> Login | None:
    """None where nobody is logged in. Raises ValueError for a login that cannot be read."""
    path = Path(environ.get("DOCKER_CONFIG") or f"{environ.get('HOME', '')}/.docker") / "config.json"
    try:
        config = json.loads(path.read_bytes())
        key = _HUB_LOGIN if registry == DOCKER_HUB else registry
        helper = config.get("credHelpers", {}).get(key) or config.get("credsStore")
        return _from_helper(helper, key) if helper else _from_file(config.get("auths", {}), key)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
        raise ValueError(f"the login in {path} cannot be read: {' '.join(str(error).split())}") from error


def _from_file(logins: Mapping[str, Any], key: str) -> Login | None:
    login: Mapping[str, str] = next((login for name, login in logins.items() if _host(name) == _host(key)), {})
    if token := login.get("identitytoken"):
        return IdentityToken(token)
    if not (encoded := login.get("auth")):
        return None
    user, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    return Password(user, secret)


def _from_helper(name: str, key: str) -> Login | None:
    """https://github.com/docker/docker-credential-helpers: the server on stdin, its login as JSON on stdout."""
    command = [f"docker-credential-{name}", "get"]
    try:
        done = subprocess.run(command, input=key, capture_output=True, text=True, timeout=_HELPER_SECONDS)  # noqa: S603
    except FileNotFoundError:
        raise ValueError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise ValueError(f"{command[0]} says nothing for {_HELPER_SECONDS} s") from None
    if done.returncode:  # how a helper says that it has no login for the server
        return None
    answer = json.loads(done.stdout)
    user, secret = answer["Username"], answer["Secret"]
    return IdentityToken(secret) if user == _IDENTITY else Password(user, secret)


def _host(server: str) -> str:
    """Older versions wrote `https://host/v1/` for some registries and `host` for others."""
    return server.removeprefix("https://").removeprefix("http://").partition("/")[0]
