"""An exported adapter, used as its model card says, gives the predictions that its cell gave."""

import csv
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aggregator.output.export import export
from contract.cell import MODELS
from contract.folder import DirStore
from contract.keys import PREDICTIONS
from contract.result import Success
from tests.factories import task
from tests.trainer.program import result_of, run
from trainer.data import load

BASE = Path(sys.prefix) / "weights" / "minilm"
_COMMENTS = 100


def code_of(card: str) -> str:
    """The card's Python with the folder of the base in the place of the hub."""
    code = card.split("```python\n")[1].split("```")[0]
    return re.sub(r',\s*revision="\w+"', "", code).replace(MODELS["minilm"].hub_id, str(BASE))


def recorded(success: Success, store: DirStore) -> tuple[list[str], np.ndarray]:
    """The ids of the first test comments and the probabilities of each label."""
    data = store.get(success.artifacts[PREDICTIONS].key)
    assert data
    _, *rows = csv.reader(data.decode().splitlines())
    return [row[0] for row in rows][:_COMMENTS], np.array([row[3:] for row in rows][:_COMMENTS], dtype=float)


def probabilities(model: Any, tokenizer: Any, texts: list[str]) -> np.ndarray:
    with torch.inference_mode():
        each = [model(**tokenizer(text, return_tensors="pt")).logits.float().softmax(-1) for text in texts]
    return torch.cat(each).numpy()


def test_the_cards_code_gives_the_cells_predictions(tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]):
    store = DirStore(tmp_path / "results")
    cell = {"CELL_MODEL": "minilm", "CELL_SAMPLES": "400", "MODEL_WEIGHTS": str(BASE.parent)}
    done = run(store.root, **cell, HYPER_LEARNING_RATE="3e-3")
    assert done.returncode == 0, done.stdout + done.stderr
    success = result_of(store)
    export(success, store, tmp_path / "adapter")

    monkeypatch.chdir(tmp_path / "adapter")
    scope: dict[str, Any] = {}
    exec(code_of(Path("README.md").read_text()), scope)
    assert capsys.readouterr().out.strip() in success.labels

    ids, theirs = recorded(success, store)
    comments = load(task(cell={"model": "minilm", "labels": 2, "samples": 400})).test
    text = {comment.id: comment.text for comment in comments}
    ours = probabilities(scope["model"], scope["tokenizer"], [text[each] for each in ids])
    assert np.ptp(theirs[:, 0]) > 0.2, "a model that says the same of every comment would prove nothing"
    # The cell computes more of it in bf16, and in other batches: a comment on the edge may fall to the other side.
    assert np.abs(ours - theirs).mean() < 0.02
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).mean() >= 0.98
