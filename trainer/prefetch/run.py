"""The story of one prefetch: what the source has, what of it is there already, the rest, and the record at last."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from contract.cell import MODELS
from contract.digest import file_digest
from contract.exits import BadInput
from contract.inputs import CORPUS, RECORD, CopiedFile, Copy, find_copy, open_place
from contract.prefetch import Prefetch
from contract.store import Store
from trainer.corpus import rows_in
from trainer.inputs import check_space, download_whole
from trainer.prefetch.source import Source, SourceFile, open_source
from trainer.weights import check_folder


def prefetch(order: Prefetch) -> None:
    """Copy what is not there, whole, yet.

    Raises BadInput for a source or place that cannot serve, SourceUnavailable, StoreFailed and LocalDiskFailed for what
    may pass.
    """
    place = open_place(order.place, "PREFETCH_PLACE")
    place.check_writable()
    there = find_copy(place, order.input)
    with TemporaryDirectory(prefix="prefetch-") as name:
        folder = Path(name) / order.input
        if there is not None and _is_whole(place, order.input, there, folder):
            _say(f"{place.uri}/{order.input} is there, whole: {there.revision}")
            return
        source = open_source(order)
        _refuse_another(place, order.input, there, source.revision)
        copy = Copy(revision=source.revision, files=_copied(source, place, order.input, folder))
        _check(order.input, folder)
        _record(place, order.input, copy)
    _say(f"{place.uri}/{order.input} is done: {copy.revision}, {copy.bytes:,} bytes")


def _is_whole(place: Store, name: str, copy: Copy, folder: Path) -> bool:
    check_space(folder.parent, copy.bytes, f"{place.uri}/{name}")
    return all(download_whole(place, f"{name}/{file}", folder / file, wanted) for file, wanted in copy.files.items())


def _refuse_another(place: Store, name: str, there: Copy | None, revision: str) -> None:
    if there is not None and there.revision != revision:
        raise BadInput(
            f"{place.uri}/{name} holds {there.revision}, not {revision}: choose another place, or delete that one"
        )


def _copied(source: Source, place: Store, name: str, folder: Path) -> dict[str, CopiedFile]:
    check_space(folder.parent, sum(file.bytes for file in source.files), name)
    return {file.name: _copy(source, file, place, name, folder) for file in source.files}


def _copy(source: Source, file: SourceFile, place: Store, name: str, folder: Path) -> CopiedFile:
    """Into the place, unless an earlier prefetch did; `folder` has the file in either case."""
    key, path = f"{name}/{file.name}", folder / file.name
    if _has(place, key, path, file):
        _say(f"{key} is there, {file.bytes:,} bytes")
    else:
        _say(f"{key} is being copied, {file.bytes:,} bytes")
        source.fetch(file, folder)
        if not file.is_at(path):
            raise BadInput(f"{key} is not the file that its source speaks of, after it was fetched: run it again")
        place.upload(key, path)
    return CopiedFile(bytes=file.bytes, sha256=file_digest(path))


def _has(place: Store, key: str, path: Path, file: SourceFile) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    return place.download(key, path) and file.is_at(path)


def _check(name: str, folder: Path) -> None:
    """Raises BadInput where cells could not use it, which then does not get its record."""
    if name == CORPUS:
        for split in ("train", "test"):
            _say(f"{len(rows_in(folder, split))} comments in {split}")
    else:
        check_folder(MODELS[name], folder)


def _record(place: Store, name: str, copy: Copy) -> None:
    if not place.publish(f"{name}/{RECORD}", copy.model_dump_json(indent=1).encode()):
        _refuse_another(place, name, find_copy(place, name), copy.revision)


def _say(words: str) -> None:
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {words}\n")
    sys.stdout.flush()
