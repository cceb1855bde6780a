"""The way from the page to a log in the results store."""

import os
from pathlib import Path
from urllib.parse import quote


def log_name(store: str, key: str) -> str:
    """The log's URI in a bucket; in a folder its key, for the page may be read on another machine."""
    return f"{store}/{key}" if "://" in store else key


def log_link(store: str, key: str, folder: Path) -> str | None:
    """A relative link from a page in `folder`; None for no browser follows s3://, and a pulled folder has no logs."""
    if "://" in store or not (Path(store) / key).is_file():
        return None
    return quote(os.path.relpath(Path(store) / key, folder.absolute()))
