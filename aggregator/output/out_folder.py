"""Files below --out."""

from pathlib import Path

from contract.exits import BadInput


def write_file(path: Path, data: bytes) -> Path:
    """Make the folder and write the file. Raises BadInput when that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise BadInput(f"cannot write --out {path}: {error.strerror}") from error
    return path
