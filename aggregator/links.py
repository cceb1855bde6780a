"""The way from the page to a log in the results store."""

import os
from pathlib import Path
from urllib.parse import quote


def log_name(store: str, key: str) -> str:
    """The log's URI in a bucket; in a folder its key, for the page may be read on another machine."""
    return f"{store}/{key}" if "://" in store else key


def log_link(store: str, key: str, folder: Path) -> str | None:
    """A relative link from a page in `folder`; None where the store is no folder, for no browser follows s3://."""
    return None if "://" in store else quote(os.path.relpath(Path(store) / key, folder.absolute()))
