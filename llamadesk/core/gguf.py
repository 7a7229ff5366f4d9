"""What a GGUF model file says of itself: the facts that choosing, fitting and loading it need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from llamadesk.core.ggml_types import FILE_TYPE_GUESSED, FILE_TYPES
from llamadesk.core.gguf_cursor import damaged, unsupported
from llamadesk.core.gguf_header import Header, Tensor
from llamadesk.core.gguf_sets import read_whole_header
from llamadesk.core.models import ModelFacts

_MAX_LAYERS: Final = 512  # of llama.cpp
_MAX_CONTEXT: Final = 2**31
_MAX_WIDTH: Final = 2**20

_PROJECTOR: Final = "the image or sound part of a multimodal model"
_HELPERS: Final[Mapping[str, str]] = {
    "mmproj": _PROJECTOR,
    "adapter": "a LoRA adapter, which changes another model",
    "imatrix": "a table that helps to quantize a model",
    "vocab": "only the vocabulary of a model",
}
"""`general.type` of files that go with a model and are none."""

_OTHER_KINDS: Final[Mapping[str, str]] = {
    "clip": _PROJECTOR,
    **dict.fromkeys(
        (
            "bert",
            "modern-bert",
            "nomic-bert",
            "nomic-bert-moe",
            "neo-bert",
            "jina-bert-v2",
            "jina-bert-v3",
            "eurobert",
            "gemma-embedding",
            "t5encoder",
        ),
        "an embedding model, which compares texts and does not write any",
    ),
    **dict.fromkeys(
        ("flux", "sd1", "sdxl", "sd3", "aura", "lumina2", "qwen_image", "wan", "hyvid", "ltxv"), "a model for pictures"
    ),
    **dict.fromkeys(("wavtokenizer-dec", "whisper"), "a model for sound"),
}
"""`general.architecture` of models that do not chat."""


def read_facts(path: Path) -> ModelFacts:
    """The facts of the chat model at `path`; of the whole one where this is a part of a set.

    Raises:
        ProblemError: MODEL_MISSING, MODEL_UNREADABLE, MODEL_NOT_GGUF, MODEL_OLD_FORMAT, MODEL_DAMAGED, or
            MODEL_UNSUPPORTED (no chat model, a part of one, or a format that is not read).
    """
    return facts_of(read_whole_header(path))


def other_kind(header: Header) -> str | None:
    """What a GGUF file is that holds no chat model, in words ("a LoRA adapter, ..."); None for a chat model."""
    values = header.values
    kind = _HELPERS.get(str(values.get("general.type", ""))) or _OTHER_KINDS.get(
        str(values.get("general.architecture", ""))
    )
    if kind is None and not header.tensors:
        return _HELPERS["vocab"]
    return kind


def facts_of(header: Header) -> ModelFacts:
    """The facts of the chat model whose header was read.

    Raises:
        ProblemError: MODEL_UNSUPPORTED or MODEL_DAMAGED.
    """
    values = _Values(header)
    kind = other_kind(header)
    if kind is not None:
        unsupported(f"This file is {kind}, not a model to chat with.", "Choose the model's own GGUF file.")
    n_parts = values.whole("split.count", 0xFFFF, default=0)
    if n_parts > 1:
        unsupported(
            f"This file is one of the {n_parts} parts of a model.",
            "Open the first part, with all the others beside it.",
        )
    architecture = values.text("general.architecture")
    if not architecture:
        damaged("general.architecture is missing")
    n_layers = values.whole(f"{architecture}.block_count", _MAX_LAYERS)
    n_embd = values.whole(f"{architecture}.embedding_length", _MAX_WIDTH)
    attention = f"{architecture}.attention."
    n_head = values.heads(f"{attention}head_count", n_layers, default=0)
    n_head_kv = values.heads(f"{attention}head_count_kv", n_layers, default=n_head)
    d_head = n_embd // n_head if n_head else 0
    repeating = [tensor for tensor in header.tensors if _is_repeating(tensor)]
    return ModelFacts(
        architecture=architecture,
        name=values.text("general.name"),
        quantization=_quantization(header),
        n_layers=n_layers,
        n_ctx_train=values.whole(f"{architecture}.context_length", _MAX_CONTEXT),
        n_embd=n_embd,
        n_head=n_head,
        n_head_kv=n_head_kv,
        d_head_k=values.whole(f"{attention}key_length", _MAX_WIDTH, default=d_head),
        d_head_v=values.whole(f"{attention}value_length", _MAX_WIDTH, default=d_head),
        n_vocab=_n_vocab(values, header, architecture),
        n_params=sum(tensor.n_elements for tensor in header.tensors),
        tensor_bytes=_bytes(header.tensors),
        repeating_bytes=_bytes(repeating),
        output_bytes=_bytes([tensor for tensor in header.tensors if tensor.name.startswith("output")]),
        has_chat_template=bool(values.text("tokenizer.chat_template")),
        n_ff=_n_ff(values, architecture),
    )


class _Values:
    """The values of a header, checked as they are asked for."""

    def __init__(self, header: Header) -> None:
        self._values = header.values
        self._array_lengths = header.array_lengths

    def text(self, key: str) -> str:
        """A text; "" where there is none."""
        value = self._values.get(key, "")
        if not isinstance(value, str):
            damaged(f"{key} is not a text")
        return value

    def whole(self, key: str, largest: int, default: int | None = None) -> int:
        """A whole number from 1 to `largest`; where the key is missing the default, if there is one."""
        value = self._values.get(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= largest:
            damaged(f"{key} is {value!r}")
        return value

    def heads(self, key: str, n_layers: int, default: int) -> int:
        """Attention heads; where each layer has its own number (0 in layers without attention), their mean, rounded
        up, because what is asked for is the size of the whole cache."""
        listed = self.per_layer(key)[:n_layers]
        return -(-sum(listed) // len(listed)) if listed else default

    def per_layer(self, key: str) -> tuple[int, ...]:
        """A number for each layer; one alone where it holds for all; none where the key is missing."""
        value = self._values.get(key, ())
        if key not in self._values and self._array_lengths.get(key):
            damaged(f"{key} is a list that cannot be one for each layer")
        numbers = value if isinstance(value, tuple) else (value,)
        checked = tuple(n for n in numbers if isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= _MAX_WIDTH)
        if len(checked) != len(numbers):
            damaged(f"{key} is {value!r}")
        return checked


def _n_ff(values: _Values, architecture: str) -> int:
    dense = values.per_layer(f"{architecture}.feed_forward_length")
    n_experts = values.whole(f"{architecture}.expert_used_count", _MAX_WIDTH, default=0)
    expert = values.whole(f"{architecture}.expert_feed_forward_length", _MAX_WIDTH, default=0)
    return max(max(dense, default=0), n_experts * expert)


def _n_vocab(values: _Values, header: Header, architecture: str) -> int:
    listed = header.array_lengths.get("tokenizer.ggml.tokens", 0)
    return listed or values.whole(f"{architecture}.vocab_size", 2**31, default=0)


def _quantization(header: Header) -> str:
    file_type = header.values.get("general.file_type")
    if isinstance(file_type, int):
        named = FILE_TYPES.get(file_type & ~FILE_TYPE_GUESSED)
        if named is not None:
            return named
    elements: Counter[str] = Counter()
    for tensor in header.tensors:
        elements[tensor.type.name] += tensor.n_elements
    return elements.most_common(1)[0][0]


def _is_repeating(tensor: Tensor) -> bool:
    return tensor.name.startswith(("blk.", "enc.blk.", "dec.blk."))


def _bytes(tensors: list[Tensor] | tuple[Tensor, ...]) -> int:
    return sum(tensor.n_bytes for tensor in tensors)
