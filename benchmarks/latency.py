"""A way to a server that is longer: what the server says arrives later, as toxiproxy's latency does it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import SplitResult, urlsplit

_CHUNK_BYTES = 2**16


@contextmanager
def delayed(endpoint: str, seconds: float) -> Iterator[str]:
    """The address of a proxy of `endpoint`, for the length of a `with` block; every answer comes `seconds` later."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    proxy = _Proxy(urlsplit(endpoint), seconds)
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(proxy.serve, "127.0.0.1", 0), loop).result()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=5)


class _Proxy:
    def __init__(self, behind: SplitResult, seconds: float) -> None:
        self._behind = behind
        self._seconds = seconds

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        from_server, to_server = await asyncio.open_connection(self._behind.hostname, self._behind.port)
        with suppress(ConnectionError):
            await asyncio.gather(_copy(reader, to_server, 0.0), _copy(from_server, writer, self._seconds))


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, seconds: float) -> None:
    """In order; a chunk does not wait for the one before it, save where that would pass it by."""
    loop = asyncio.get_running_loop()
    while chunk := await source.read(_CHUNK_BYTES):
        if seconds:
            loop.call_later(seconds, sink.write, chunk)
        else:
            sink.write(chunk)
    loop.call_later(seconds, sink.close)
