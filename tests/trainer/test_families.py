"""All five families really load in 4 bits, pool the right token, train what they should, and save what they trained."""

import json
import shutil

import pytest
import torch
import transformers
from bitsandbytes.functional import has_avx512bf16
from bitsandbytes.nn import Linear4bit
from peft import PeftModel
from transformers import AutoModelForSequenceClassification

from contract.cell import MODELS
from contract.task import Task
from tests.factories import task
from trainer.artifacts import adapter_files
from trainer.fast.frozen import freeze, quantised_layers
from trainer.machine import Precision
from trainer.model import HEADS, Checkpoint, anatomy, checkpoint, load_base, load_qlora, load_tokenizer

FAMILIES = ("qwen2.5", "llama3.2", "gpt2-xl", "gemma3", "bert")
FP32 = Precision("fp32")
COMMENTS = ["no", "I am so very happy today because of all of these things, thank you", "what is this?"]


@pytest.fixture(scope="module", params=FAMILIES)
def cell(request: pytest.FixtureRequest) -> Task:
    return task(cell={"model": request.param, "labels": 4, "samples": 80})


@pytest.fixture(scope="module")
def loaded(cell: Task):
    transformers.set_seed(0)
    model, tokenizer = load_qlora(cell, FP32)
    return model.eval(), tokenizer


def logits(model, tokenizer, comments: list[str]) -> torch.Tensor:
    with torch.no_grad():
        return model(**tokenizer(comments, padding=True, return_tensors="pt")).logits


def test_padding_does_not_change_a_comment(loaded):
    model, tokenizer = loaded
    together = logits(model, tokenizer, COMMENTS)
    alone = torch.cat([logits(model, tokenizer, [comment]) for comment in COMMENTS])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    assert (together[0] - together[1]).abs().max() > 1e-3, "different comments must be told apart"


def test_trains_lora_on_the_intended_modules_and_the_head_only(cell, loaded):
    model, _ = loaded
    body = anatomy(model)
    targets = MODELS[cell.cell.model].lora_targets
    for name in body.trainable_modules:
        is_lora = ".lora_" in name and any(f".{target}." in name for target in targets)
        is_head = any(f".{head}.modules_to_save." in name for head in HEADS)
        assert is_lora or is_head, name
    adapted = {target for target in targets if any(f".{target}.lora_A" in name for name in body.trainable_modules)}
    assert adapted == set(targets)


def test_every_linear_layer_but_the_head_is_quantised(loaded):
    model, _ = loaded
    left = [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and not isinstance(module, Linear4bit) and "lora_" not in name
    ]
    assert left, "the head itself is a linear layer"
    assert all(any(head in name for head in HEADS) for name in left), left


def test_four_bits_stay_close_to_the_full_precision_model(cell):
    """Catches a weight quantised in the wrong orientation, as GPT-2's Conv1D could be."""
    with checkpoint(cell, MODELS[cell.cell.model]) as source:
        tokenizer = load_tokenizer(source)
        transformers.set_seed(1)
        full = AutoModelForSequenceClassification.from_pretrained(
            source.path, num_labels=4, pad_token_id=tokenizer.pad_token_id
        ).eval()
        transformers.set_seed(1)
        base = load_base(source, 4, tokenizer, FP32, double_quant=True).eval()
    expected = logits(full, tokenizer, COMMENTS)
    error = (logits(base, tokenizer, COMMENTS) - expected).norm() / expected.norm()
    assert 0 < error < 0.35, f"relative error {error}"


def test_adapter_brings_the_head_along(cell, loaded, tmp_path):
    model, tokenizer = loaded
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05)
    for name, data in adapter_files(model).items():
        (tmp_path / name).write_bytes(data)
    with checkpoint(cell, MODELS[cell.cell.model]) as source:
        transformers.set_seed(99)
        base = load_base(source, 4, tokenizer, FP32, double_quant=True)
    reloaded = PeftModel.from_pretrained(base, str(tmp_path)).eval()
    torch.testing.assert_close(logits(reloaded, tokenizer, COMMENTS), logits(model, tokenizer, COMMENTS))


def test_the_adapter_is_described_alike_in_every_process(cell, loaded):
    """PEFT keeps the names of its modules in a set."""
    described = json.loads(adapter_files(loaded[0])["adapter_config.json"])
    assert described["target_modules"] == sorted(MODELS[cell.cell.model].lora_targets)


def gradient_norm(model, tokenizer) -> float:
    model.train()
    torch.manual_seed(0)
    batch = tokenizer(COMMENTS, padding=True, return_tensors="pt")
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        model(**batch, labels=torch.tensor([0, 1, 2])).loss.backward()
    squares = [p.grad.float().pow(2).sum() for p in model.parameters() if p.grad is not None]
    return torch.stack(squares).sum().sqrt().item()


def test_gradients_survive_an_evaluation(loaded):
    """bitsandbytes repacks weights on its first inference on AVX512-BF16; what follows then has wrong gradients."""
    model, tokenizer = loaded
    before = gradient_norm(model, tokenizer)
    logits(model.eval(), tokenizer, COMMENTS)
    assert gradient_norm(model, tokenizer) == pytest.approx(before, rel=1e-6)
    assert before > 0


@pytest.mark.skipif(not has_avx512bf16(), reason="only a CPU with AVX512-BF16 has the other layout")
@pytest.mark.parametrize("cached", [False, True], ids=["4 bits", "cached"])
def test_only_the_remedy_or_cached_weights_keep_gradients(cached: bool):
    """Fails when bitsandbytes needs the remedy no longer; Llama's layers have no bias, so it says nothing itself."""
    transformers.set_seed(0)
    model, tokenizer = load_qlora(task(cell={"model": "llama3.2", "labels": 4, "samples": 80}), Precision("bf16"))
    for layer in quantised_layers(model).values():
        layer.support_avx512bf16_for_cpu = True
    if cached:
        freeze(model, torch.bfloat16)
    before = gradient_norm(model, tokenizer)
    logits(model.eval(), tokenizer, COMMENTS)
    survives = gradient_norm(model, tokenizer) == pytest.approx(before, rel=1e-6)
    assert survives == cached


def test_code_beside_the_weights_is_not_run(tmp_path):
    """A repository may name Python files of its own as the classes to load it with."""
    bert = task(cell={"model": "bert", "labels": 4, "samples": 80})
    with checkpoint(bert, MODELS["bert"]) as source:
        shutil.copytree(source.path, tmp_path / "bert")
    (tmp_path / "bert" / "theirs.py").write_text(f"open({str(tmp_path / 'made')!r}, 'w')\n")
    for name in ("config.json", "tokenizer_config.json"):
        file = tmp_path / "bert" / name
        classes = {"AutoConfig": "theirs.C", "AutoModelForSequenceClassification": "theirs.M"}
        auto_map = classes | {"AutoTokenizer": ["theirs.T", "theirs.T"]}
        file.write_text(json.dumps(json.loads(file.read_text()) | {"auto_map": auto_map}))
    folder = Checkpoint(str(tmp_path / "bert"))
    tokenizer = load_tokenizer(folder)
    load_base(folder, 4, tokenizer, FP32, double_quant=True)
    assert not (tmp_path / "made").exists()
