"""Health checks over HTTP."""

import ssl
import urllib.error
import urllib.request


def answers(url: str, context: ssl.SSLContext | None = None) -> bool:
    """Whether `url`, asked directly and not by way of a proxy, answers that all is well."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:  # refused, reset, timed out, or an HTTP status that says no
        return False
