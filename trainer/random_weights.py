"""A tiny, untrained checkpoint of each family, written as files and then loaded like any other.

For plumbing: the architecture class, the tokenizer's class, special tokens and padding are the family's own; the
weights are noise. Hidden size 256 keeps LoRA's matrices at 4,096 elements, the least that the 8-bit optimizer
quantises.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from contract.cell import Family

HIDDEN = 256
LAYERS = 2
HEADS = 4
VOCABULARY = 1024
_SEED = 0
_ROTARY = {
    "hidden_size": HIDDEN,
    "intermediate_size": 2 * HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": HEADS,
    "max_position_embeddings": 512,
}
_SHAPES: dict[Family, dict[str, object]] = {
    "qwen2": {"model_type": "qwen2", **_ROTARY},
    "llama": {"model_type": "llama", **_ROTARY},
    "gemma3": {"model_type": "gemma3_text", "head_dim": HIDDEN // HEADS, **_ROTARY},
    "gpt2": {"model_type": "gpt2", "n_embd": HIDDEN, "n_layer": LAYERS, "n_head": HEADS, "n_positions": 512},
    "bert": {
        "model_type": "bert",
        "hidden_size": HIDDEN,
        "intermediate_size": 2 * HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
    },
}


def write_checkpoint(family: Family, comments: Iterable[str], folder: Path, **shape: int) -> None:
    """Save configuration, weights (safetensors) and a tokenizer trained on `comments` into `folder`.

    `shape` goes over the tiny configuration, in the family's own names.
    """
    tokenizer = _train_tokenizer(family, list(comments))
    config = _config(family, tokenizer, shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        model = AutoModel.from_config(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _config(family: Family, tokenizer: PreTrainedTokenizerBase, shape: dict[str, int]) -> PreTrainedConfig:
    special = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    return AutoConfig.for_model(**{"vocab_size": len(tokenizer)} | special | _SHAPES[family] | shape)


def _train_tokenizer(family: Family, comments: list[str]) -> PreTrainedTokenizerBase:
    match family:
        case "llama":
            return _llama3_tokenizer(comments)
        case "gemma3":
            blank = transformers.GemmaTokenizer()
            trained = blank.train_new_from_iterator(comments, VOCABULARY, show_progress=False)
            trained.add_bos_token = True
            trained.update_post_processor()
            return trained
        case "qwen2":
            blank = transformers.Qwen2Tokenizer()
        case "gpt2":
            blank = transformers.GPT2Tokenizer()
        case "bert":
            return _bert_tokenizer(comments)
    return blank.train_new_from_iterator(comments, VOCABULARY, show_progress=False)


def _bert_tokenizer(comments: list[str]) -> PreTrainedTokenizerBase:
    """WordPiece over the most frequent words and all characters.

    Not trained: tokenizers' WordPiece trainer breaks ties by hash order, so that each process gets another vocabulary.
    """
    blank = transformers.BertTokenizer()
    backend = blank.backend_tokenizer
    words = Counter(
        word
        for comment in comments
        for word, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(comment))
    )
    letters = sorted({letter for word in words for letter in word})
    frequent = sorted((word for word in words if len(word) > 1), key=lambda word: (-words[word], word))
    special = sorted(blank.get_vocab(), key=blank.get_vocab().__getitem__)
    pieces = [*special, *letters, *(f"##{letter}" for letter in letters), *frequent][:VOCABULARY]
    return transformers.BertTokenizer(vocab={piece: i for i, piece in enumerate(pieces)})


def _llama3_tokenizer(comments: list[str]) -> PreTrainedTokenizerBase:
    """Llama 3 has no tokenizer class of its own: a byte-level BPE that puts <|begin_of_text|> first."""
    begin, end, pad = "<|begin_of_text|>", "<|end_of_text|>", "<|finetune_right_pad_id|>"
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[begin, end, pad], initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(comments, trainer)
    bpe.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A", special_tokens=[(begin, bpe.token_to_id(begin))]
    )
    return PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token=begin, eos_token=end)
