"""Which way a request goes, and in words why it did not arrive."""

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


def in_words(error: BaseException) -> str:
    """In one line, without the connection that urllib3 puts in front, as an argument or in the text."""
    told = error.args[-1] if len(error.args) > 1 and not isinstance(error, OSError) else error
    words = " ".join(str(told).split())
    return words.partition("): ")[2] or words
