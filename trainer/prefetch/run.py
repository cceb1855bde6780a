"""The story of one prefetch: what the source has, what of it is there already, the rest, and the record at last.

Then the base in four bits, which has a record of its own: it is another one for other libraries.
"""

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from contract.cell import MODELS
from contract.digest import file_digest
from contract.exits import BadInput, SourceUnavailable
from contract.inputs import CORPUS, RECORD, CopiedFile, Copy, find_copy, open_place
from contract.prefetch import Prefetch
from contract.store import Store
from trainer.corpus import rows_in
from trainer.inputs import check_space, download_copy
from trainer.prefetch.four_bit import add_four_bit
from trainer.prefetch.source import Source, SourceFile, open_source
from trainer.weights import check_folder


def prefetch(order: Prefetch) -> None:
    """Copy what is not there, whole, yet.

    Raises BadInput for a source or place that cannot serve, SourceUnavailable, StoreFailed and LocalDiskFailed for what
    may pass.
    """
    place = open_place(order.place, "PREFETCH_PLACE", unsafe=order.unsafe)
    place.check_writable()
    there = find_copy(place, order.input)
    with TemporaryDirectory(prefix="prefetch-") as name:
        folder = Path(name) / order.input
        if there is None or download_copy(place, order.input, there, folder):
            there = _copied_anew(order, place, there, folder)
        if order.four_bit and order.input != CORPUS:
            add_four_bit(order, there.revision, place, folder, say)
    say(f"{place.uri}/{order.input} is there, whole: {there.revision}, {there.bytes:,} bytes")


def _copied_anew(order: Prefetch, place: Store, there: Copy | None, folder: Path) -> Copy:
    """What is there already and is as the source has it stays."""
    source = open_source(order)
    _refuse_another(place, order.input, there, source.revision)
    shutil.rmtree(folder, ignore_errors=True)  # what a look at the place left takes space that is asked for again
    copy = Copy(revision=source.revision, files=_copied(source, place, order.input, folder))
    _check(order.input, folder)
    _record(place, order.input, copy)
    return copy


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
        say(f"{key} is there, {file.bytes:,} bytes")
    else:
        say(f"{key} is being copied, {file.bytes:,} bytes")
        source.fetch(file, folder)
        if not file.is_at(path):
            raise SourceUnavailable(
                f"{key} is not the file that its source speaks of: damaged on its way; run it again"
            )
        place.upload(key, path)
    return CopiedFile(bytes=file.bytes, sha256=file_digest(path))


def _has(place: Store, key: str, path: Path, file: SourceFile) -> bool:
    """One that is damaged does not stay in the way of what is fetched in its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if place.download(key, path) and file.is_at(path):
        return True
    path.unlink(missing_ok=True)
    return False


def _check(name: str, folder: Path) -> None:
    """Raises BadInput where cells could not use it, which then does not get its record."""
    if name == CORPUS:
        for split in ("train", "test"):
            say(f"{len(rows_in(folder, split))} comments in {split}")
    else:
        check_folder(MODELS[name], folder)


def _record(place: Store, name: str, copy: Copy) -> None:
    key = f"{name}/{RECORD}"
    if not place.publish(key, copy.model_dump_json(indent=1).encode()):
        kept = find_copy(place, name)
        _refuse_another(place, name, kept, copy.revision)
        if kept != copy:
            raise BadInput(
                f"{place.uri}/{key} lists other files than {copy.revision} has: delete it, then run it again"
            )


def say(words: str) -> None:
    """A line of the log."""
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {words}\n")
    sys.stdout.flush()
