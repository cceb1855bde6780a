"""The copy of a base in four bits: the same bits as quantising at every start, and never those of something else."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
import transformers

from contract.cell import MODELS
from contract.opening import open_store
from contract.task import Task
from tests.factories import task
from tests.trainer.program import result_of, run
from trainer import four_bit
from trainer.failures import LocalDiskFailed
from trainer.journal import Journal
from trainer.machine import Precision
from trainer.model import Checkpoint, checkpoint, load_qlora
from trainer.quantise import obtain, write_copy

FAMILIES = ("qwen2.5", "llama3.2", "gpt2-xl", "gemma3", "bert")


def cell(cache: Path, model: str = "bert", **settings: object) -> Task:
    weights = {"weights": "random", "four_bit_cache": str(cache), **settings}
    return task(cell={"model": model, "labels": 4, "samples": 80}, model=weights)


def journal(asked: Task, folder: Path) -> Journal:
    return Journal(asked, "attempt", open_store(str(folder / "results")))


def bits(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Weights, buffers and all that bitsandbytes keeps beside a weight to undo its quantisation."""
    return model.state_dict() | {f"buffer {name}": buffer for name, buffer in model.named_buffers()}


@pytest.mark.parametrize(
    ("name", "precision", "double_quant"),
    [*((family, "bf16", True) for family in FAMILIES), ("bert", "fp32", True), ("bert", "bf16", False)],
)
def test_a_copy_changes_no_bit(name: str, precision: str, double_quant: bool, tmp_path: Path):
    """Neither of the base, nor of the head and of LoRA, which are drawn after it from the same generator."""
    asked = cell(tmp_path, name, double_quant=double_quant)
    copy = Checkpoint(str(write_copy(asked)), four_bit=True)
    transformers.set_seed(1)
    quantised, _ = load_qlora(asked, Precision(precision))
    transformers.set_seed(1)
    read, _ = load_qlora(asked, Precision(precision), copy)
    expected, found = bits(quantised), bits(read)
    assert expected.keys() == found.keys()
    for key, tensor in expected.items():
        assert tensor.dtype == found[key].dtype
        assert torch.equal(tensor, found[key]), key
    assert described(quantised) == described(read)


def described(model: torch.nn.Module) -> dict[str, object]:
    """Of each module what is no tensor, and not where it was read."""
    plain = (str, int, float, bool, torch.dtype, torch.Size)
    return {
        name: {key: value for key, value in vars(module).items() if isinstance(value, plain) and key != "name_or_path"}
        | {"requires_grad": [parameter.requires_grad for parameter in module.parameters(recurse=False)]}
        for name, module in model.named_modules()
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the copy of one model."""
    cache = tmp_path_factory.mktemp("cache")
    write_copy(cell(cache))
    return cache


@pytest.fixture
def cached(written: Path, tmp_path: Path) -> Task:
    """A task whose cache has its copy."""
    shutil.copytree(written, tmp_path / "cache")
    return cell(tmp_path / "cache")


def found(asked: Task) -> tuple[four_bit.FourBit | None, list[str]]:
    """The copy, and why it is not used."""
    reasons: list[str] = []
    return four_bit.find(asked, lambda _, reason: reasons.append(reason)), reasons


def test_a_copy_is_found_where_it_was_written(cached: Task):
    copy, reasons = found(cached)
    assert copy.folder == four_bit.place(cached)
    assert not reasons


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def forge(folder: Path, **entries: object) -> None:
    record = folder / four_bit.RECORD
    record.write_text(json.dumps(json.loads(record.read_text()) | entries))


def list_a_file_of_somebody(folder: Path) -> None:
    """As it is, so that nothing but its name is wrong."""
    (folder.parent / "notes").write_bytes(b"")
    forge(folder, files=recorded(folder) | {"../notes": {"bytes": 0, "sha256": hashlib.sha256().hexdigest()}})


def forget_the_weights(folder: Path) -> None:
    (folder / four_bit.WEIGHTS).unlink()
    forge(folder, files={name: file for name, file in recorded(folder).items() if name != four_bit.WEIGHTS})


def recorded(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / four_bit.RECORD).read_text())["files"])


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda folder: damage(folder / "model.safetensors"), "model.safetensors is missing or damaged"),
        (lambda folder: damage(folder / "config.json"), "config.json is missing or damaged"),
        (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors is missing or damaged"),
        (lambda folder: (folder / four_bit.RECORD).unlink(), "it cannot be read"),
        (lambda folder: (folder / four_bit.RECORD).write_text("{"), "it has no record that can be read"),
        (lambda folder: (folder / four_bit.RECORD).write_text("{}"), "revision is not set"),
        (list_a_file_of_somebody, "outside of its folder: '../notes'"),
        (forget_the_weights, "model.safetensors is missing or damaged"),
        (lambda folder: (folder / "adapter_config.json").write_text("{}"), "adapter_config.json is not in its record"),
        (
            lambda folder: forge(folder, revision="bert of other weights"),
            "it is of bert of other weights, wanted is bert of random:1",
        ),
        (lambda folder: folder.rename(folder.with_name("0" * 16)), "there are copies, none of bert of random:1"),
    ],
)
def test_another_copy_or_half_of_one_is_not_used(spoil, expected: str, cached: Task):
    spoil(four_bit.place(cached))
    copy, (reason,) = found(cached)
    assert copy is None
    assert expected in reason


def test_one_that_cannot_be_used_is_replaced(cached: Task, tmp_path: Path):
    damage(four_bit.place(cached) / "model.safetensors")
    assert obtain(cached, journal(cached, tmp_path)) is not None
    assert [path.name for path in four_bit.place(cached).parent.iterdir()] == [four_bit.place(cached).name]


def test_each_setting_and_library_has_a_copy_of_its_own(cached: Task, tmp_path: Path, monkeypatch):
    places = {four_bit.place(cached), four_bit.place(cell(tmp_path / "cache", double_quant=False))}
    places.add(four_bit.place(cell(tmp_path / "cache", revision="other")))
    places.add(four_bit.place(cell(tmp_path / "cache", "llama3.2")))
    monkeypatch.setattr(four_bit, "version", lambda library: "0")
    places.add(four_bit.place(cached))
    assert len(places) == 5


def test_without_a_cache_a_copy_lies_beside_the_weights_and_is_read_there(tmp_path: Path, capsys):
    with checkpoint(cell(tmp_path), MODELS["bert"]) as source:
        shutil.copytree(source.path, tmp_path / "weights" / "bert")
    asked = task(model={"weights": str(tmp_path / "weights")})
    assert obtain(asked, journal(asked, tmp_path)) is None
    assert [path for path in (tmp_path / "weights" / "bert").iterdir() if path.is_dir()] == []
    write_copy(asked)
    assert obtain(asked, journal(asked, tmp_path)) is not None
    again = task(model={"weights": str(tmp_path / "weights")})
    assert again.fingerprint() == asked.fingerprint(), "a copy is no part of the weights' identity"


def test_an_empty_cache_does_not_hide_the_copy_beside_the_weights(tmp_path: Path):
    beside = task(model={"weights": str(tmp_path / "weights"), "revision": "hub:x"})
    four_bit.put(four_bit.place(beside), four_bit.origin(beside), lambda folder: (folder / four_bit.WEIGHTS).touch())
    cached = task(model={"weights": beside.model.weights, "revision": "hub:x", "four_bit_cache": str(tmp_path / "new")})
    copy, reasons = found(cached)
    assert copy.folder == four_bit.place(beside)
    assert not reasons


def test_a_cache_that_cannot_be_written_costs_a_line(tmp_path: Path, capsys):
    (tmp_path / "file").touch()
    asked = cell(tmp_path / "file")
    with pytest.raises(LocalDiskFailed, match="cannot write"):
        write_copy(asked)
    assert obtain(asked, journal(asked, tmp_path)) is None
    (line,) = capsys.readouterr().out.splitlines()
    assert "four-bit-copy-not-written" in line


def test_a_cell_with_a_copy_has_the_result_of_one_without(tmp_path: Path):
    """The first cell writes the copy, so three cells: without, with a fresh one, with one that was there."""
    cache = str(tmp_path / "cache")
    outcomes = []
    for number, setting in enumerate([{}, {"MODEL_FOUR_BIT_CACHE": cache}, {"MODEL_FOUR_BIT_CACHE": cache}]):
        process = run(tmp_path / str(number), CELL_MODEL="bert", **setting)
        assert process.returncode == 0, process.stdout + process.stderr
        outcomes.append(result_of(open_store(str(tmp_path / str(number)))))
    without, *others = outcomes
    assert without.provenance.four_bit_copy is None
    for other in others:
        assert other.provenance.four_bit_copy is not None
        assert (other.fingerprint, other.history, other.test) == (without.fingerprint, without.history, without.test)
