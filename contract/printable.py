"""What a terminal would obey instead of showing it, written out wherever a program shows what others wrote.

Logs, errors and names come from pods, from the store and from the API server. An escape sequence among them could clear
the screen, rename the window or put words into it that nobody said.
"""


def printable(text: str, kept: str = "\n\t") -> str:
    r"""`text` with each character that is neither printable nor among `kept` as its escape, such as `\x1b`."""
    hidden = {ord(char): _escape(char) for char in set(text) if not (char.isprintable() or char in kept)}
    return text.translate(hidden) if hidden else text


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()
