"""Which way a request goes, what the proxy on it is told, and in words why it did not arrive."""

from base64 import b64encode
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass


def is_loopback(host: str) -> bool:
    """Whether the host is this machine by its very name."""
    return host == "localhost" or host == "::1" or host.startswith("127.")


def proxy_for(url: str) -> str | None:
    """As kubectl has it: HTTPS_PROXY, but for what NO_PROXY names and for this machine itself."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return None if is_loopback(host) or proxy_bypass(host) else getproxies().get(parts.scheme)


def proxy_headers(proxy: str) -> dict[str, str]:
    """The credentials of the proxy's URL, which urllib3 leaves out of the request."""
    parts = urlsplit(proxy)
    if parts.username is None:
        return {}
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(credentials.encode()).decode()}"}


def without_credentials(url: str) -> str:
    """The URL less its user and password, as it may be shown."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def first_cause(error: BaseException) -> str:
    """What the operating system or the TLS layer said at first, less the layers that passed it on."""
    while (earlier := error.__cause__ or error.__context__) is not None:
        error = earlier
    return in_words(error)


def in_words(error: BaseException) -> str:
    """In one line, without the connection that urllib3 puts in front, as an argument or in the text."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    told = error.args[-1] if len(error.args) > 1 else error
    words = " ".join(str(told).split())
    return words.partition("): ")[2] or words
