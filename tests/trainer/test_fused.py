"""Operations of the fast engine that are one instead of many, each beside what it takes the place of."""

from types import SimpleNamespace

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from torch.nn import functional

from trainer.fast.attention import _attend
from trainer.fast.feedforward import ACTIVATIONS, Feedforward
from trainer.fast.flat import Layout
from trainer.fast.frozen import FrozenLinear, PackedLinear, can_pack
from trainer.fast.lora import LoraLinear, fuse_lora
from trainer.fast.pooling import Pooling
from trainer.fast.randomness import Stream, StreamDropout, replace_dropout

BF16 = torch.bfloat16
KINDS = ["dequantised", pytest.param("packed", marks=pytest.mark.skipif(not can_pack(BF16), reason="needs oneDNN"))]


def frozen(inner: int, outer: int, kind: str) -> FrozenLinear:
    layer = Linear4bit(inner, outer, compute_dtype=BF16, quant_type="nf4").to("cpu").requires_grad_(False)
    return PackedLinear(layer, BF16, 96) if kind == "packed" else FrozenLinear(layer, BF16)


def leaf(drawn: torch.Tensor) -> torch.Tensor:
    return drawn.clone().requires_grad_()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("gated", [True, False], ids=["gated", "plain"])
def test_a_feedforward_block_gives_the_bits_of_its_layers(kind: str, name: str, gated: bool):
    torch.manual_seed(0)
    up, gate, down = frozen(64, 128, kind), frozen(64, 128, kind), frozen(128, 64, kind)
    activation = ACTIVATIONS[name]
    drawn, upstream = torch.randn(4, 7, 64), torch.randn(4, 7, 64)
    one, other = leaf(drawn), leaf(drawn)
    expected = down(activation.forward(gate(one)) * up(one)) if gated else down(activation.forward(up(one)))
    expected.backward(upstream)
    found = Feedforward(up, down, activation, gate if gated else None)(other)
    found.backward(upstream)
    assert torch.equal(found, expected)
    assert torch.equal(other.grad, one.grad)


def test_a_block_with_pooling_computes_what_the_head_reads_and_no_more():
    torch.manual_seed(0)
    block = Feedforward(frozen(64, 128, "dequantised"), frozen(128, 64, "dequantised"), ACTIVATIONS["gelu"])
    x = torch.randn(2, 5, 64)
    whole = block(x)
    block.pooling = Pooling(reads_first=False, pad_id=9)
    block.pooling.watch(block, (), {"input_ids": torch.tensor([[1, 9, 1, 9, 9], [9, 1, 1, 1, 1]])})
    pooled = block(x)
    assert [i.tolist() for i in pooled.any(-1).nonzero(as_tuple=True)] == [[0, 1], [2, 4]]
    torch.testing.assert_close(pooled[[0, 1], [2, 4]], whole[[0, 1], [2, 4]], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_lora_gives_the_bits_of_pefts_layer(kind: str, dropout: float):
    torch.manual_seed(0)
    config = LoraConfig(r=16, lora_alpha=32, lora_dropout=dropout, target_modules=["0"], init_lora_weights=False)
    layers = torch.nn.Sequential(Linear4bit(64, 128, compute_dtype=BF16, quant_type="nf4")).to("cpu")
    model = get_peft_model(layers, config)
    layer = model.base_model.model[0]
    layer.base_layer = frozen(64, 128, kind)
    stream = Stream(0)
    replace_dropout(model, stream)
    drawn, upstream = torch.randn(4, 7, 64), torch.randn(4, 7, 128)

    def ran() -> list[torch.Tensor]:
        stream.begin(3)
        x = leaf(drawn)
        with torch.autocast("cpu", BF16):
            product = model.base_model.model(x)
        model.zero_grad()
        product.backward(upstream)
        return [product, x.grad, *(p.grad for name, p in sorted(model.named_parameters()) if p.requires_grad)]

    names, saved = sorted(model.state_dict()), sorted(get_peft_model_state_dict(model))
    expected = ran()
    fuse_lora(model)
    assert isinstance(model.base_model.model[0], LoraLinear)
    assert sorted(model.state_dict()) == names
    assert sorted(get_peft_model_state_dict(model)) == saved
    found = ran()
    assert len(found) == 4
    for left, right in zip(found, expected, strict=True):
        assert torch.equal(left, right)


@pytest.mark.parametrize("masked", [True, False], ids=["masked", "unmasked"])
@pytest.mark.parametrize("heads_of_keys", [2, 6])
@pytest.mark.parametrize(("compute", "slack"), [(BF16, 1.5), (torch.float32, 4)], ids=["bf16", "fp32"])
def test_attention_is_nearly_as_exact_as_torchs(heads_of_keys: int, masked: bool, compute: torch.dtype, slack: float):
    torch.manual_seed(0)
    shapes = [(3, 11, 6, 16), (3, 11, heads_of_keys, 16), (3, 11, heads_of_keys, 16)]
    drawn = [torch.randn(shape).mul(2).to(BF16).float() for shape in shapes]
    upstream = torch.randn(3, 11, 6, 16).to(BF16).float()
    bias = torch.zeros(3, 1, 11, 11).masked_fill(torch.rand(3, 1, 11, 11) < 0.3, -3e38) if masked else None

    def ours(query, key, value):
        with torch.autocast("cpu", BF16, enabled=compute is BF16):
            row = (tensor.transpose(1, 2).flatten(0, 1).unsqueeze(0).transpose(1, 2) for tensor in (query, key, value))
            attended = _attend(torch.nn.Module(), *row, bias, scaling=0.25, layout=Layout([11] * 3, reads_first=True))
            return attended[0].view(upstream.shape)

    def torchs(query, key, value):
        mask = None if bias is None else bias.to(query.dtype)
        attended = functional.scaled_dot_product_attention(query, key, value, mask, scale=0.25, enable_gqa=True)
        return attended.transpose(1, 2)

    def errors(attend, dtype):
        results = []
        for kind, way in ((torch.float64, torchs), (dtype, attend)):
            leaves = [leaf(tensor.to(kind)) for tensor in drawn]
            attended = way(*(tensor.transpose(1, 2) for tensor in leaves))
            attended.backward(upstream.to(attended.dtype))
            results.append([attended, *(tensor.grad for tensor in leaves)])
        exact, found = results
        return [(right.double() - left).norm() / left.norm() for left, right in zip(exact, found, strict=True)]

    for error, bound in zip(errors(ours, torch.float32), errors(torchs, compute), strict=True):
        assert error <= bound * slack


def test_attention_drops_weights_and_their_gradients():
    module = torch.nn.Module()
    stream = Stream(0)
    module.dropout = StreamDropout(0.5, stream)
    weights = []
    for step in (1, 1, 2):
        stream.begin(step)
        value = leaf(torch.eye(12).repeat(1, 2, 1).expand(1, 3, 24, 12))
        same = torch.zeros(1, 3, 24, 12)
        layout = Layout([12, 12], reads_first=True)
        attended, _ = _attend(module, same, same, value, None, scaling=1.0, dropout=0.5, layout=layout)
        weights.append(attended.view(2, 12, 3, 12).transpose(1, 2))
        attended.sum().backward()
        of_keys = weights[-1].sum(2).transpose(0, 1).reshape(1, 3, 24, 1)
        torch.testing.assert_close(value.grad, of_keys.expand(value.shape))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert set((weights[0] * 12).round().unique().tolist()) == {0.0, 2.0}


@pytest.mark.parametrize(("family", "pad_id", "expected"), [("bert", 0, [0, 0, 0]), ("qwen2", 0, [3, 1, 2])])
def test_the_head_reads_one_token_of_each_comment(family: str, pad_id: int, expected: list[int]):
    model = torch.nn.Identity()
    model.base_model = torch.nn.Identity()
    model.config = SimpleNamespace(model_type=family, pad_token_id=pad_id)
    pooling = Pooling.of(model)
    ids = torch.tensor([[5, 6, 7, 8], [5, 6, 0, 0], [5, 0, 7, 0]])
    pooling.watch(model, (), {"input_ids": ids})
    comments, tokens = pooling.where
    assert (comments.tolist(), tokens.tolist()) == ([0, 1, 2], expected)
