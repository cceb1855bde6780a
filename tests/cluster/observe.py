"""What the kernel says of a folder's processes, which all name it on their command lines. Linux only."""

import socket
from pathlib import Path

_PROC = Path("/proc")
_LISTEN = "0A"


def processes_of(folder: Path) -> dict[int, str]:
    """Process id -> command line of everything alive that was told about the folder, but for its starter."""
    found = {}
    for entry in _PROC.glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        if f"{folder}/" in command:
            found[int(entry.name)] = command
    return found


def listeners_of(pids: dict[int, str]) -> set[tuple[str, int]]:
    """The (address, port) pairs on which these processes accept TCP connections."""
    sockets = {link for pid in pids for link in _links(pid)}
    return {place for place, inode in _listening() if f"socket:[{inode}]" in sockets}


def _links(pid: int) -> set[str]:
    found = set()
    for descriptor in (_PROC / str(pid) / "fd").glob("*"):
        try:
            found.add(str(descriptor.readlink()))
        except OSError:
            continue
    return found


def _listening() -> list[tuple[tuple[str, int], str]]:
    rows = [line.split() for name in ("tcp", "tcp6") for line in (_PROC / "net" / name).read_text().splitlines()[1:]]
    return [(_place(row[1]), row[9]) for row in rows if row[3] == _LISTEN]


def _place(text: str) -> tuple[str, int]:
    """An address as /proc/net/tcp writes it: each 32-bit word in the machine's byte order."""
    words, port = text.split(":")
    packed = b"".join(bytes.fromhex(words[at : at + 8])[::-1] for at in range(0, len(words), 8))
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed), int(port, 16)
