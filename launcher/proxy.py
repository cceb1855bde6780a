"""Which proxy, if any, a request goes through."""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def is_loopback(host: str) -> bool:
    """Whether the host is this machine by its very name."""
    return host == "localhost" or host == "::1" or host.startswith("127.")


def proxy_for(url: str) -> str | None:
    """As kubectl has it: HTTPS_PROXY, but for what NO_PROXY names and for this machine itself."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return None if is_loopback(host) or proxy_bypass(host) else getproxies().get(parts.scheme)
