"""Where inputs are copied from: a repository of the hub at its pinned commit, or a folder."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from huggingface_hub import HfApi, RepoFile, hf_hub_download
from huggingface_hub.utils.sha import git_hash

from contract.cell import MODELS
from contract.digest import file_digest
from contract.exits import BadInput, ProgramError
from contract.inputs import CORPUS
from contract.prefetch import Prefetch
from contract.revision import (
    DATASET_HUB_ID,
    DATASET_HUB_REVISION,
    corpus_files,
    data_revision,
    is_weight_file,
    weight_files,
    weights_revision,
)
from contract.task import Data, Model
from trainer.hub import hub_errors, not_delivered


@dataclass(frozen=True)
class SourceFile:
    """A file as its source describes it."""

    name: str
    """Its path in the source."""
    bytes: int
    is_known_at: Callable[[Path], bool]
    """Whether the content of a file is this one's, by the digest that the source gives. Raises OSError."""

    def is_at(self, path: Path) -> bool:
        """Whether the file is there, whole."""
        return path.stat().st_size == self.bytes and self.is_known_at(path)


class Source(Protocol):
    """What can be copied."""

    @property
    def revision(self) -> str:
        """Its identity (contract/revision.py)."""

    @property
    def files(self) -> Sequence[SourceFile]:
        """All that cells need of it."""

    def fetch(self, file: SourceFile, folder: Path) -> None:
        """Write the file to its name in the folder."""


def open_source(order: Prefetch) -> Source:
    """Raises BadInput where it has not what cells need, SourceUnavailable where the hub does not answer."""
    if order.source == "hub":
        return _hub_source(order.input)
    if order.input == CORPUS:
        folder = Path(order.source)
        return FolderSource(data_revision(Data(source=order.source)), folder, corpus_files(folder))
    folder = Path(order.source) / order.input
    revision = weights_revision(Model(weights=order.source), order.input)
    return FolderSource(revision, folder, weight_files(folder))


class FolderSource:
    """Files of this machine."""

    def __init__(self, revision: str, folder: Path, paths: Sequence[Path]) -> None:
        self.revision = revision
        self.files = [self._described(path, folder) for path in paths]
        self._folder = folder

    @staticmethod
    def _described(path: Path, folder: Path) -> SourceFile:
        sha256 = file_digest(path)
        name = path.relative_to(folder).as_posix()
        return SourceFile(name, path.stat().st_size, lambda copied: file_digest(copied) == sha256)

    def fetch(self, file: SourceFile, folder: Path) -> None:
        """Copy the file."""
        shutil.copyfile(self._folder / file.name, folder / file.name)


def _hub_source(name: str) -> "HubSource":
    if name == CORPUS:
        source = HubSource("dataset", DATASET_HUB_ID, DATASET_HUB_REVISION, _is_corpus_file)
        if not source.files:
            raise BadInput(f"no simplified/*.parquet in {DATASET_HUB_ID}@{DATASET_HUB_REVISION}")
        return source
    spec = MODELS[name]
    source = HubSource("model", spec.hub_id, spec.hub_revision, is_weight_file)
    if not any(file.name.endswith(".safetensors") for file in source.files):
        raise BadInput(
            f"no *.safetensors in {spec.hub_id}@{spec.hub_revision}: pickled weights are not copied; convert them, and "
            "give the folder as model.weights"
        )
    return source


def _is_corpus_file(path: str) -> bool:
    return path.startswith(("simplified/train-", "simplified/test-")) and path.endswith(".parquet")


class HubSource:
    """Files of a repository; HF_ENDPOINT and HF_TOKEN are huggingface_hub's own settings."""

    def __init__(
        self, kind: Literal["model", "dataset"], repository: str, commit: str, wanted: Callable[[str], bool]
    ) -> None:
        self.revision = f"hub:{repository}@{commit}"
        self._kind, self._repository, self._commit = kind, repository, commit
        with self._errors():
            self.files = sorted(self._listed(wanted), key=lambda file: file.bytes)

    def _listed(self, wanted: Callable[[str], bool]) -> Iterator[SourceFile]:
        tree = HfApi().list_repo_tree(self._repository, recursive=True, revision=self._commit, repo_type=self._kind)
        for entry in tree:
            if isinstance(entry, RepoFile) and wanted(entry.path):
                yield SourceFile(entry.path, entry.size, _digest_check(entry))

    def fetch(self, file: SourceFile, folder: Path) -> None:
        """Download the file."""
        with self._errors():
            hf_hub_download(self._repository, file.name, revision=self._commit, repo_type=self._kind, local_dir=folder)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        page = self._repository if self._kind == "model" else f"datasets/{self._repository}"
        try:
            with hub_errors(page, self._commit):
                yield
        except ProgramError:
            raise
        except Exception as error:  # its transport's errors have no class in common with it
            raise not_delivered(page, self._commit, error) from error


def _digest_check(entry: RepoFile) -> Callable[[Path], bool]:
    """Large files are known by their sha256, the others as git knows them."""
    if entry.lfs is not None:
        sha256 = entry.lfs.sha256
        return lambda path: file_digest(path) == sha256
    blob = entry.blob_id
    return lambda path: git_hash(path.read_bytes()) == blob
