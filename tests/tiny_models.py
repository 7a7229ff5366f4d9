"""Writes tiny GGUF models for tests: the real format, a real vocabulary, random weights. They load in milliseconds and
write nonsense, always the same for the same seed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import gguf
import numpy as np


class VocabKind(StrEnum):
    """SPM is Llama 2's kind (BOS wanted, a space before each text), BPE that of ChatML models (neither)."""

    SPM = "spm"
    BPE = "bpe"


LLAMA_2_TEMPLATE = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
    "{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
    "{% if loop.index0 == 0 and system_message %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
    "{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)
CHATML_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SPM_PIECES = (
    "▁[", "INST", "]", "▁[/", "▁<<", "SYS", ">>", "▁<</", "▁the", "▁The", "▁capital", "▁of", "▁France", "▁is", "▁Paris",
    "▁you", "▁are", "▁a", "he", "ll", "o", "▁he", "▁hello", "hello", "in", "er", "th", "an", "▁w", "or", "ld", "▁wor",
    "▁world", "▁▁", "▁",
)  # fmt: skip
"""Pieces of an SPM vocabulary besides bytes and printable ASCII; earlier ones merge first."""
BPE_MERGES = (
    "h e",
    "l l",
    "he ll",
    "hell o",
    "t h",
    "Ġ t",
    "Ġt he",
    "i n",
    "e r",
    "a n",
    "P a",
    "r i",
    "Pa ri",
    "Pari s",
)
BPE_CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


@dataclass(frozen=True, slots=True)
class TinyModel:
    """What to write. The weights are F16 (`file_type` only names another quantization in the header, for the library).

    Attributes:
        architecture: "llama", or "mamba" for one that keeps a running state instead of a KV cache.
        template: chat template; "" writes none.
        user_defined: texts added to the vocabulary as user-defined tokens.
        control: texts added as control tokens.
        layer_scale: how strong the layers are; with weak ones a token mostly decides the next one, and what is written
            goes round in circles.
        tensors_per_file: more than these go into further files, as with models too large for one; 0 for one file.
    """

    vocab: VocabKind = VocabKind.BPE
    name: str = "Tiny"
    template: str = CHATML_TEMPLATE
    n_layers: int = 2
    n_embd: int = 32
    n_head: int = 2
    n_ctx_train: int = 512
    file_type: int = 1
    architecture: str = "llama"
    user_defined: tuple[str, ...] = ()
    control: tuple[str, ...] = ()
    layer_scale: float = 1.0
    seed: int = 0
    tensors_per_file: int = 0
    extra_strings: dict[str, str] = field(default_factory=dict)


def write_tiny_llama(path: Path, model: TinyModel | None = None) -> Path:
    """Write a model as GGUF; returns `path`, or that of its first part."""
    model = model or TinyModel()
    writer = gguf.GGUFWriter(path, model.architecture, split_max_tensors=model.tensors_per_file)
    writer.add_name(model.name)
    writer.add_context_length(model.n_ctx_train)
    writer.add_embedding_length(model.n_embd)
    writer.add_block_count(model.n_layers)
    writer.add_feed_forward_length(2 * model.n_embd)
    writer.add_head_count(model.n_head)
    writer.add_head_count_kv(model.n_head)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(model.n_embd // model.n_head)
    writer.add_file_type(model.file_type)
    for key, value in model.extra_strings.items():
        writer.add_string(key, value)
    n_vocab = _add_spm(writer, model) if model.vocab is VocabKind.SPM else _add_bpe(writer, model)
    writer.add_vocab_size(n_vocab)
    if model.template:
        writer.add_chat_template(model.template)
    _add_weights(writer, model, n_vocab)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return writer.format_shard_names(path)[0]


def _add_spm(writer: gguf.GGUFWriter, model: TinyModel) -> int:
    kinds = gguf.TokenType
    tokens = [("<unk>", kinds.UNKNOWN), ("<s>", kinds.CONTROL), ("</s>", kinds.CONTROL)]
    tokens += [(f"<0x{byte:02X}>", kinds.BYTE) for byte in range(256)]
    tokens += [(text, kinds.CONTROL) for text in model.control]
    tokens += [(text, kinds.USER_DEFINED) for text in model.user_defined]
    # A piece is only met where its parts can be merged into it, so each one's heads are pieces as well.
    heads = [piece[:length] for piece in SPM_PIECES for length in range(2, len(piece) + 1)]
    single = [chr(code) for code in range(0x21, 0x7F)]
    tokens += [(piece, kinds.NORMAL) for piece in dict.fromkeys([*SPM_PIECES, *heads, *single])]
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([text.encode() for text, _ in tokens])
    writer.add_token_scores([-float(index) for index in range(len(tokens))])
    writer.add_token_types([int(kind) for _, kind in tokens])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    return len(tokens)


def _add_bpe(writer: gguf.GGUFWriter, model: TinyModel) -> int:
    kinds = gguf.TokenType
    tokens = [(text, kinds.CONTROL) for text in (*BPE_CONTROL, *model.control)]
    tokens += [(text, kinds.USER_DEFINED) for text in model.user_defined]
    tokens += [(letter, kinds.NORMAL) for letter in _byte_letters()]
    tokens += [(merge.replace(" ", ""), kinds.NORMAL) for merge in BPE_MERGES]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([text.encode() for text, _ in tokens])
    writer.add_token_types([int(kind) for _, kind in tokens])
    writer.add_token_merges(list(BPE_MERGES))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    return len(tokens)


def _byte_letters() -> list[str]:
    """The letter that stands for each byte in a byte-level BPE vocabulary."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (byte for byte in range(256) if byte not in printable)
    shifted = {byte: chr(0x100 + index) for index, byte in enumerate(others)}
    return [shifted.get(byte, chr(byte)) for byte in range(256)]


def _add_weights(writer: gguf.GGUFWriter, model: TinyModel, n_vocab: int) -> None:
    if model.architecture == "mamba":
        _add_mamba_weights(writer, model, n_vocab)
        return
    random = np.random.default_rng(model.seed)
    width, wide = model.n_embd, 2 * model.n_embd

    def matrix(name: str, rows: int, columns: int) -> None:
        scale = model.layer_scale if name.startswith("blk.") else 1.0
        writer.add_tensor(name, (scale * random.normal(0, 0.3, (rows, columns))).astype(np.float16))

    def ones(name: str) -> None:
        writer.add_tensor(name, np.ones(width, dtype=np.float32))

    matrix("token_embd.weight", n_vocab, width)
    ones("output_norm.weight")
    matrix("output.weight", n_vocab, width)
    for layer in range(model.n_layers):
        block = f"blk.{layer}."
        ones(block + "attn_norm.weight")
        ones(block + "ffn_norm.weight")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            matrix(f"{block}{part}.weight", width, width)
        matrix(block + "ffn_gate.weight", wide, width)
        matrix(block + "ffn_up.weight", wide, width)
        matrix(block + "ffn_down.weight", width, wide)


def _add_mamba_weights(writer: gguf.GGUFWriter, model: TinyModel, n_vocab: int) -> None:
    """A model that keeps a running state instead of a KV cache."""
    random = np.random.default_rng(model.seed)
    width, inner, state, rank, kernel = model.n_embd, 2 * model.n_embd, 4, 2, 4
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(rank)

    def add(name: str, *shape: int, dtype: type = np.float32) -> None:
        writer.add_tensor(name, random.normal(0, 0.3, shape).astype(dtype))

    add("token_embd.weight", n_vocab, width, dtype=np.float16)
    writer.add_tensor("output_norm.weight", np.ones(width, dtype=np.float32))
    for layer in range(model.n_layers):
        block = f"blk.{layer}."
        writer.add_tensor(block + "attn_norm.weight", np.ones(width, dtype=np.float32))
        add(block + "ssm_in.weight", 2 * inner, width, dtype=np.float16)
        add(block + "ssm_conv1d.weight", inner, kernel)
        add(block + "ssm_conv1d.bias", inner)
        add(block + "ssm_x.weight", rank + 2 * state, inner, dtype=np.float16)
        add(block + "ssm_dt.weight", inner, rank, dtype=np.float16)
        add(block + "ssm_dt.bias", inner)
        writer.add_tensor(block + "ssm_a", -np.abs(random.normal(0, 1, (inner, state))).astype(np.float32))
        add(block + "ssm_d", inner)
        add(block + "ssm_out.weight", width, inner, dtype=np.float16)
