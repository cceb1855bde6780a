"""`show` and `export`: one cell, for the eye and for the hub."""

import json
from pathlib import Path

import pytest
import yaml

from contract.keys import attempt_key
from contract.result import Success, artifact
from contract.task import Task
from tests import factories
from tests.aggregator import study
from tests.aggregator.desk import PLUMBING, Desk

ADAPTER = {"adapter_config.json": b'{"peft_type": "LORA"}', "adapter_model.safetensors": b"\x00weights"}
CELL = "bert-l4-n800-s0"


def trained(desk: Desk) -> tuple[Task, Success]:
    """The cell with an adapter beside its result."""
    task = next(task for task in desk.tasks if task.cell.id == CELL)
    artifacts = {}
    for name, data in ADAPTER.items():
        key = attempt_key(task.cell.id, task.fingerprint(), "a1", name)
        desk.store.put(key, data)
        artifacts[name] = artifact(key, data)
    success = study.finished(task).model_copy(update={"artifacts": artifacts})
    factories.publish(desk.store, success)
    return task, success


def ask(desk: Desk, verb: str, *options: str, cell: str = CELL) -> int:
    return desk.run(verb, cell, "--grid", desk.grid_file, *options)


def front_matter(folder: Path) -> dict[str, object]:
    _, fields, _ = (folder / "README.md").read_text().split("---\n", 2)
    return dict(yaml.safe_load(fields))


def test_a_finished_cell_shows_its_scores_and_every_label(desk: Desk, capsys: pytest.CaptureFixture[str]):
    _, success = trained(desk)
    assert ask(desk, "show") == 0
    told = capsys.readouterr().out
    assert f"accuracy {100 * success.test.accuracy:.1f} %" in told
    assert "200 comments, 95 % interval" in told
    for label in success.labels:
        assert f"\n{label} " in told


def test_json_holds_the_whole_result(desk: Desk, capsys: pytest.CaptureFixture[str]):
    _, success = trained(desk)
    assert ask(desk, "show", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["cell"], document["status"]) == (CELL, "done")
    assert Success.model_validate(document["result"]) == success


@pytest.mark.parametrize("verb", ["show", "export"])
def test_a_cell_that_failed_says_why_and_ends_with_3(
    desk: Desk, verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    task = next(task for task in desk.tasks if task.cell.id == CELL)
    factories.publish(desk.store, factories.failure(task))
    options = ["--out", str(tmp_path / "adapter")] if verb == "export" else []
    assert ask(desk, verb, *options) == 3
    told = capsys.readouterr()
    assert "failed non-finite-loss (exit 10)" in told.out + told.err
    assert not (tmp_path / "adapter").exists()


@pytest.mark.parametrize("verb", ["show", "export"])
def test_an_unknown_cell_is_one_line_with_the_nearest(desk: Desk, verb: str, capsys: pytest.CaptureFixture[str]):
    assert ask(desk, verb, cell="bert-l4-n80-s0") == 2
    told = capsys.readouterr().err
    assert "bert-l4-n800-s0" in told
    assert told.count("\n") == 1


def test_the_folder_holds_the_adapter_and_a_card_that_the_hub_reads(desk: Desk, tmp_path: Path):
    _, success = trained(desk)
    folder = tmp_path / "adapter"
    assert ask(desk, "export", "--out", str(folder)) == 0
    assert {path.name for path in folder.iterdir()} == {*ADAPTER, "README.md"}
    assert {name: (folder / name).read_bytes() for name in ADAPTER} == ADAPTER

    from huggingface_hub import ModelCard

    card = ModelCard.load(folder / "README.md")
    assert card.data.base_model == "google-bert/bert-base-uncased"
    assert card.data.library_name == "peft"
    scores = {result.metric_type: result.metric_value for result in card.data.eval_results or []}
    assert scores["accuracy"] == pytest.approx(success.test.accuracy, abs=1e-4)
    assert {"accuracy", "precision", "recall", "f1"} == set(scores)


def test_the_code_of_the_card_is_python_and_names_the_labels_in_order(desk: Desk, tmp_path: Path):
    _, success = trained(desk)
    ask(desk, "export", "--out", str(tmp_path))
    code = (tmp_path / "README.md").read_text().split("```python\n")[1].split("```")[0]
    compile(code, "card", "exec")
    assert f"labels = {json.dumps(success.labels)}" in code


def test_plumbing_claims_neither_base_nor_corpus_nor_scores(desk: Desk, tmp_path: Path):
    desk.grid(**PLUMBING)
    trained(desk)
    ask(desk, "export", "--out", str(tmp_path))
    assert {"base_model", "datasets", "model-index", "metrics"}.isdisjoint(front_matter(tmp_path))
    text = (tmp_path / "README.md").read_text()
    assert "RANDOM WEIGHTS - plumbing, not results" in text
    assert "SYNTHETIC DATA" in text
    for claim in ("from_pretrained", "on GoEmotions,", "## Scores", "Reddit"):
        assert claim not in text


@pytest.mark.parametrize(
    ("data", "reason"), [(b"\x00weight", "is not the file that the result lists"), (None, "is gone")]
)
def test_an_adapter_that_the_result_does_not_vouch_for_is_not_exported(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes | None, reason: str
):
    task, _ = trained(desk)
    key = attempt_key(task.cell.id, task.fingerprint(), "a1", "adapter_model.safetensors")
    desk.store.delete(key)
    if data is not None:
        desk.store.put(key, data)
    assert ask(desk, "export", "--out", str(tmp_path / "adapter")) == 1
    told = capsys.readouterr().err
    assert reason in told
    assert key in told
    assert told.count("\n") == 1
    assert not (tmp_path / "adapter").exists()


def test_a_folder_that_cannot_be_written(desk: Desk, capsys: pytest.CaptureFixture[str]):
    trained(desk)
    assert ask(desk, "export", "--out", "/dev/null/adapter") == 2
    assert "cannot write --out /dev/null/adapter" in capsys.readouterr().err
