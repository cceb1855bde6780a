"""Layers that the fast engine fuses on a GPU, on a CPU and beside what they take the place of."""

from copy import deepcopy
from pathlib import Path

import pytest
import torch
import transformers
from peft import PeftModel, get_peft_model_state_dict
from transformers import PreTrainedModel

from contract.cell import MODELS
from contract.task import Hyper
from trainer.fast.frozen import freeze, quantised_layers
from trainer.fast.gated import GatedBlock, fuse_gated_blocks
from trainer.fast.halves import Halves
from trainer.fast.norms import FrozenNorm, fuse_norms
from trainer.fast.rotary import RotaryAttention, fuse_rotary_attention, share_halves
from trainer.machine import Precision
from trainer.model import Checkpoint, add_lora, load_base, load_tokenizer
from trainer.random_weights import write_checkpoint
from trainer.synthetic import comments_for_tokenizers

FAMILIES = ("qwen2.5", "llama3.2", "gemma3")
BF16 = Precision("bf16")


def quantised(model: str, folder: Path, **shape: int) -> PreTrainedModel:
    """An untrained base in four bits."""
    write_checkpoint(MODELS[model].family, comments_for_tokenizers(), folder, **shape)
    source = Checkpoint(str(folder))
    return load_base(source, 2, load_tokenizer(source), BF16, double_quant=True, device="cpu")


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[PeftModel, PeftModel]:
    """The same model with PEFT's layers and with ours; two heads share a key, as they do in the study's models."""
    transformers.set_seed(0)
    base = quantised(request.param, tmp_path_factory.mktemp("checkpoint"), num_key_value_heads=2)
    plain = add_lora(base, MODELS[request.param], Hyper(lora_dropout=0.0))
    freeze(plain, torch.bfloat16)
    for name, p in plain.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(p, std=0.02)
    fused = deepcopy(plain)
    for fuse in (fuse_norms, fuse_rotary_attention, fuse_gated_blocks):
        fuse(fused.get_base_model())
    return plain, fused


def batch(width: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(width)
    lengths = torch.tensor([[width], [width // 2], [3]])
    mask = (torch.arange(width) < lengths).long()
    ids = torch.randint(20, 400, (3, width), generator=generator) * mask
    return {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([0, 1, 1])}


def gradients_of(model: PeftModel, given: dict[str, torch.Tensor]) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss, and gradients by name."""
    halves = share_halves(model)
    for p in model.parameters():
        p.grad = torch.zeros_like(p) if p.requires_grad else None
    halves.take()
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(**given).loss
    loss.backward()
    halves.deliver()
    return loss.item(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def test_every_layer_is_fused(pair: tuple[PeftModel, PeftModel]):
    _, fused = pair
    kinds = [type(module) for module in fused.modules()]
    assert kinds.count(RotaryAttention) == kinds.count(GatedBlock) == 2
    assert FrozenNorm in kinds
    assert not any(kind.__name__.endswith("RMSNorm") for kind in kinds)


def test_parameters_keep_their_names(pair: tuple[PeftModel, PeftModel]):
    plain, fused = (sorted(name for name, p in model.named_parameters() if p.requires_grad) for model in pair)
    assert fused == plain


def test_an_adapter_is_saved_whole(pair: tuple[PeftModel, PeftModel]):
    """PEFT looks for layers of its own, not for names."""
    plain, fused = (get_peft_model_state_dict(model, save_embedding_layers=False) for model in pair)
    assert sorted(fused) == sorted(plain)
    assert any("lora_B" in name for name in fused)


@pytest.mark.parametrize("width", [8, 21])
def test_a_training_pass_gives_pefts_loss_and_gradients(pair: tuple[PeftModel, PeftModel], width: int):
    (loss, expected), (found, ours) = (gradients_of(model.train(), batch(width)) for model in pair)
    assert found == pytest.approx(loss, abs=1e-3)
    assert ours.keys() == expected.keys()
    for name, gradient in expected.items():
        assert gradient.norm() > 0
        assert (ours[name] - gradient).norm() / gradient.norm() < 0.03, name


def test_gradients_of_two_passes_add_up(pair: tuple[PeftModel, PeftModel]):
    _, fused = pair
    _, one = gradients_of(fused, batch(8))
    halves = share_halves(fused)
    for _ in range(2):
        halves.take()
        with torch.autocast("cpu", torch.bfloat16):
            fused(**batch(8)).loss.backward()
        halves.deliver()
    for name, p in fused.named_parameters():
        if p.requires_grad:
            torch.testing.assert_close(p.grad, 3 * one[name], rtol=1e-2, atol=1e-6)


def test_an_evaluation_sees_the_parameters_as_they_are(pair: tuple[PeftModel, PeftModel]):
    """Copies in the compute type are those of the last training pass."""
    given = {name: tensor for name, tensor in batch(8).items() if name != "labels"}
    logits = []
    for model in pair:
        share_halves(model)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            for p in model.parameters():
                if p.requires_grad:
                    p.mul_(1.5)
            logits.append(model.eval()(**given).logits)
            for p in model.parameters():
                if p.requires_grad:
                    p.div_(1.5)
    torch.testing.assert_close(logits[1], logits[0], rtol=0, atol=0.02)


def test_dropout_before_lora_is_the_same_on_the_way_back(pair: tuple[PeftModel, PeftModel]):
    """Each target has a mask of its own, drawn once: gradients are those of the function that was computed."""
    fused, dropout = deepcopy(pair[1]), 0.5
    layer = next(module for module in fused.train().modules() if isinstance(module, RotaryAttention))
    for target in layer.targets:
        target.lora_dropout["default"] = torch.nn.Dropout(dropout).train()
    halves = share_halves(fused)
    halves.take()
    x = torch.randn(2, 5, layer.weight.shape[1], requires_grad=True)
    torch.manual_seed(1)
    found = layer.project(x)
    upstream = [torch.randn_like(part) for part in found]
    torch.autograd.backward(found, upstream)
    to_x = x.grad
    torch.manual_seed(1)
    again, (a, b) = x.detach().requires_grad_(), (layer.values.a, layer.values.b)
    rounded = again.to(torch.bfloat16).flatten(0, -2)
    seen, _ = torch.native_dropout(rounded.expand(len(b), -1, -1), dropout, train=True)
    product = torch.nn.functional.linear(rounded, layer.weight, layer.bias).float()
    added = [low @ part.t() * layer.lora_scale for low, part in zip(seen @ a.transpose(1, 2), b, strict=True)]
    query, key, value = torch.split(product, layer.widths, 1)
    expected = torch.cat([query + added[0], key], 1), value + added[1]
    torch.autograd.backward(expected, [each.to(torch.float32) for each in upstream])
    for ours, theirs in zip((*found, to_x), (*expected, again.grad), strict=True):
        assert (ours - theirs).norm() / theirs.norm() < 0.02


def test_layers_that_are_still_quantised_stay(tmp_path: Path):
    base = quantised("qwen2.5", tmp_path)
    model = add_lora(base, MODELS["qwen2.5"], Hyper())
    assert quantised_layers(model)
    assert not fuse_rotary_attention(base)
    fuse_gated_blocks(base)
    assert not any(isinstance(module, RotaryAttention | GatedBlock) for module in model.modules())


def test_a_layer_without_lora_stays(tmp_path: Path):
    base = quantised("qwen2.5", tmp_path)
    freeze(base, torch.bfloat16)
    assert not fuse_rotary_attention(base)


def test_a_fused_model_is_told_again(pair: tuple[PeftModel, PeftModel]):
    """A model is fitted more than once."""
    assert fuse_rotary_attention(pair[1].get_base_model())


def test_no_parameters_need_no_copies():
    halves = Halves([], torch.bfloat16)
    halves.take()
    halves.deliver()
