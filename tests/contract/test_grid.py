"""Grids: the named ones, files, and what is wrong with a bad one in one line."""

from pathlib import Path

import pytest

from contract.exits import BadInput
from contract.grid import load_grid, named_grids
from contract.task import Hyper

VALID = """
name: mine
models: [bert, gemma3]
labels: [2, 4]
samples: [80, 160]
seeds: [0, 1]
hyper: {learning_rate: 1e-3, epochs: 2}
per_model:
  gemma3: {hyper: {learning_rate: 5e-5}, model: {weights: random}}
exclude:
  - {model: bert, labels: 4}
  - {samples: 160, seed: 1}
"""


def grid_file(folder: Path, text: str) -> str:
    path = folder / "grid.yaml"
    path.write_text(text)
    return str(path)


def test_full_is_the_study():
    tasks = load_grid("full").tasks("results")
    assert len(tasks) == 60
    assert [task.cell.id for task in tasks[:4]] == [
        "qwen2-5-l2-n800-s0",
        "qwen2-5-l2-n1600-s0",
        "qwen2-5-l2-n2400-s0",
        "qwen2-5-l4-n800-s0",
    ]
    assert {task.hyper for task in tasks} == {Hyper()}
    assert {(task.data.source, task.model.weights) for task in tasks} == {("hub", "hub")}


def test_the_studys_defaults():
    hyper = Hyper()
    assert (hyper.learning_rate, hyper.epochs, hyper.batch_size, hyper.gradient_accumulation_steps) == (1e-4, 5, 4, 1)
    assert (hyper.lr_scheduler, hyper.optimizer, hyper.precision) == ("cosine", "adamw_bnb_8bit", "bf16")
    assert hyper.early_stopping_patience == 10


def test_demo_shows_every_family_and_minilm():
    tasks = load_grid("demo").tasks("results")
    assert len(tasks) >= 12
    assert {task.cell.model for task in tasks} == {"minilm", "qwen2.5", "llama3.2", "gpt2-xl", "gemma3", "bert"}


def test_smoke_is_five_families():
    assert len(load_grid("smoke").tasks("results")) == 5


def test_a_file_with_overrides_and_exclusions(tmp_path: Path):
    tasks = load_grid(grid_file(tmp_path, VALID)).tasks("results")
    cells = {(t.cell.model, t.cell.labels, t.cell.samples, t.cell.seed) for t in tasks}
    assert ("bert", 4, 80, 0) not in cells
    assert ("gemma3", 4, 80, 1) in cells
    assert not any(samples == 160 and seed == 1 for _, _, samples, seed in cells)
    assert len(tasks) == 9
    assert {t.hyper.learning_rate for t in tasks if t.cell.model == "bert"} == {1e-3}
    assert {(t.hyper.learning_rate, t.hyper.epochs) for t in tasks if t.cell.model == "gemma3"} == {(5e-5, 2)}
    assert {t.model.weights for t in tasks if t.cell.model == "gemma3"} == {"random"}


def test_settings_from_the_command_line_win():
    grid = load_grid("demo").with_setting("hyper.epochs=7").with_setting("minilm:model.weights=/w")
    tasks = grid.tasks("results")
    assert {t.hyper.epochs for t in tasks if t.cell.model == "bert"} == {7}
    assert {t.model.weights for t in tasks if t.cell.model == "minilm"} == {"/w"}
    assert {t.model.weights for t in tasks if t.cell.model == "bert"} == {"random"}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("name: mine", "name: mine\nmodel_list: [x]", ["model_list", "models"]),
        ("[bert, gemma3]", "[bert, gpt9]", ["gpt9", "qwen2.5"]),
        ("[bert, gemma3]", "[]", ["models"]),
        ("[bert, gemma3]", "[bert, bert]", ["'bert' stands twice"]),
        ("[2, 4]", "[2, four]", ["four", "integer"]),
        ("[2, 4]", "[2, 1]", ["labels=1", "2"]),
        ("[80, 160]", "[80, 81]", ["samples=81", "80 or 82"]),
        ("epochs: 2", "epochz: 2", ["hyper.epochz", "did you mean epochs"]),
        ("epochs: 2", "epochs: 0", ["hyper.epochs=0"]),
        ("gemma3: {hyper", "gemma4: {hyper", ["gemma4", "gemma3"]),
        ("hyper: {learning_rate: 5e-5}", "hypr: {learning_rate: 5e-5}", ["hypr", "hyper"]),
        ("{model: bert, labels: 4}", "{model: brt, labels: 4}", ["brt", "bert"]),
        ("name: mine", "name: Mine!", ["Mine!"]),
        ("name: mine", "name: [", ["not YAML", "line"]),
    ],
)
def test_a_bad_file_is_one_line_naming_the_value_and_what_is_accepted(tmp_path: Path, before, after, words):
    assert before in VALID
    with pytest.raises(BadInput) as caught:
        load_grid(grid_file(tmp_path, VALID.replace(before, after, 1))).tasks("results")
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words"])
def test_a_file_that_is_no_mapping(tmp_path: Path, text: str):
    with pytest.raises(BadInput, match="mapping"):
        load_grid(grid_file(tmp_path, text))


def test_a_grid_that_does_not_exist_names_those_that_do():
    with pytest.raises(BadInput, match="full") as caught:
        load_grid("ful")
    assert "did you mean full" in str(caught.value)
    assert named_grids() == ["demo", "full", "smoke"]


@pytest.mark.parametrize(
    "assignment", ["epochs=1", "hyper.epochs", "results.uri=x", "gpt9:hyper.epochs=1", "=", "a:b=c"]
)
def test_a_bad_setting(assignment: str):
    with pytest.raises(BadInput, match="bad setting"):
        load_grid("full").with_setting(assignment)
