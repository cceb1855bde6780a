"""Random weights are noise, but the same noise on every run: a cell with them is as repeatable as any other."""

import hashlib
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from pathlib import Path
from trainer.random_weights import write_checkpoint
from trainer.synthetic import comments_for_tokenizers
write_checkpoint(sys.argv[1], comments_for_tokenizers(), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("family", ["qwen2", "llama", "gpt2", "gemma3", "bert"])
def test_two_processes_write_the_same_checkpoint(family: str, tmp_path):
    """Catches a tokenizer whose training breaks ties by hash order, as WordPiece's does."""
    digests = []
    for attempt in ("first", "second"):
        folder = tmp_path / attempt
        subprocess.run(
            [sys.executable, "-c", PROGRAM, family, str(folder)], check=True, capture_output=True, timeout=120
        )
        files = sorted(folder.iterdir())
        digests.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files})
    assert digests[0] == digests[1]
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(digests[0])
