"""A bucket for one who reads thousands of its objects.

A request of boto3's keeps Python busy for a millisecond, whatever the number of threads; obstore's is made outside of
Python (docs/decisions/0013-reading.md). What does not succeed that way is asked for again by the store's own client:
its patience, its words and its remedies are then the same for every program.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from contract.opening import open_store
from contract.s3 import S3Store
from contract.store import Entry, Reader

if TYPE_CHECKING:
    from obstore.store import ClientConfig
    from obstore.store import S3Store as Objects

_PAGE = 1000
_CONNECT_TIME, _READ_TIME = timedelta(seconds=5), timedelta(seconds=30)
_NO_SUCH_KEY = "<Code>NoSuchKey</Code>"


def open_reader(uri: str) -> Reader:
    """The store at `uri`, with quick reads where it is a bucket. Raises BadInput as `open_store` does."""
    store = open_store(uri)
    if not isinstance(store, S3Store) or store.place.bucket_in_host:
        return store
    try:
        return S3Reader(store, _objects(store))
    except _failures():
        return store


class S3Reader:
    """Reads quickly what `store` has. Safe to use from several threads."""

    def __init__(self, store: S3Store, objects: "Objects") -> None:
        self.uri = store.uri
        self._store = store
        self._objects = objects

    def get(self, key: str) -> bytes | None:
        """The bytes, or None."""
        import obstore

        try:
            return bytes(obstore.get(self._objects, key).bytes())
        except _failures() as error:
            return None if _NO_SUCH_KEY in str(error) else self._store.get(key)

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, sorted."""
        return (entry.key for entry in self.entries(prefix))

    def entries(self, prefix: str) -> Iterator[Entry]:
        """The same keys with size, time and ETag, a thousand to a request."""
        last = ""
        try:
            for entry in self._listed(prefix):
                yield entry
                last = entry.key
        except _failures():
            yield from (entry for entry in self._store.entries(prefix) if entry.key > last)

    def _listed(self, prefix: str) -> Iterator[Entry]:
        import obstore

        folder = prefix.rpartition("/")[0]  # obstore lists by whole names between slashes
        for page in obstore.list(self._objects, folder or None, chunk_size=_PAGE):
            for found in page:
                if found["path"].startswith(prefix):
                    yield Entry(found["path"], found["size"], found["last_modified"], found["e_tag"])


def _objects(store: S3Store) -> "Objects":
    """Credentials and CA are those that boto3 finds."""
    import botocore.session
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.store import S3Store as Objects

    place, session = store.place, botocore.session.get_session()
    options: ClientConfig = {
        "allow_http": place.endpoint.startswith("http:"),
        "connect_timeout": _CONNECT_TIME,
        "timeout": _READ_TIME,
    }
    if ca_file := session.get_config_variable("ca_bundle"):
        options["root_certificate"] = Path(ca_file).read_bytes()
    return Objects(
        place.bucket,
        prefix=place.prefix,
        endpoint=place.endpoint,
        region=place.region,
        credential_provider=Boto3CredentialProvider(session),
        client_options=options,
        retry_config={"max_retries": 1},
    )


def _failures() -> tuple[type[Exception], ...]:
    """Of obstore: its own, those of files, and what it raises for settings that it refuses."""
    from obstore.exceptions import BaseError

    return BaseError, OSError, ValueError
