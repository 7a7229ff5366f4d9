"""Writes GGUF files for tests, byte by byte: well-formed ones of any shape without their weights, and broken ones.

The `gguf` package writes only well-formed files and needs the weights; a test of damage wants neither.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
_FORMS = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q", I64: "q", F64: "d"}
_BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 8: (32, 34), 12: (256, 144), 14: (256, 210)}
ALIGNMENT = 32


@dataclass(frozen=True)
class Array:
    """A list value: the type of its elements and the elements."""

    element_type: int
    elements: Sequence[object]


Value = bool | int | float | str | Array
Tensors = Sequence[tuple[str, tuple[int, ...], int]]  # name, shape, type number


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def number(kind: int, value: object) -> bytes:
    return struct.pack("<" + _FORMS[kind], value)


def _value(value: Value) -> bytes:
    if isinstance(value, Array):
        body = struct.pack("<IIQ", ARRAY, value.element_type, len(value.elements))
        if value.element_type == STRING:
            return body + b"".join(text(element) for element in value.elements)
        return body + b"".join(number(value.element_type, element) for element in value.elements)
    if isinstance(value, str):
        return struct.pack("<I", STRING) + text(value)
    kind = BOOL if isinstance(value, bool) else U32 if isinstance(value, int) else F32
    return struct.pack("<I", kind) + number(kind, value)


def pair(key: str, value: Value | bytes) -> bytes:
    """A key with its value; bytes are taken as they are, type number and all."""
    return text(key) + (value if isinstance(value, bytes) else _value(value))


def n_bytes(shape: tuple[int, ...], kind: int) -> int:
    block, block_bytes = _BLOCKS[kind]
    elements = 1
    for length in shape:
        elements *= length
    return elements // block * block_bytes


def aligned(position: int) -> int:
    return -(-position // ALIGNMENT) * ALIGNMENT


def tensor_info(name: str, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def header(
    values: Mapping[str, Value | bytes], tensors: Tensors = (), version: int = 3, magic: bytes = b"GGUF"
) -> bytes:
    """Everything before the weights."""
    parts = [magic, struct.pack("<IQQ", version, len(tensors), len(values))]
    parts += [pair(key, value) for key, value in values.items()]
    offset = 0
    for name, shape, kind in tensors:
        parts.append(tensor_info(name, shape, kind, offset))
        offset = aligned(offset + n_bytes(shape, kind))
    data = b"".join(parts)
    return data.ljust(aligned(len(data)), b"\0")


def data_bytes(tensors: Tensors) -> int:
    """The length of the weights."""
    end = 0
    for _, shape, kind in tensors:
        end = aligned(end) + n_bytes(shape, kind)
    return end


def write(path: Path, values: Mapping[str, Value | bytes], tensors: Tensors = (), version: int = 3) -> Path:
    """A well-formed file at `path`; its weights are a hole, so that a file of 7 GB takes a few blocks of the disk."""
    start = header(values, tensors, version)
    with path.open("wb") as file:
        file.write(start)
        file.truncate(len(start) + data_bytes(tensors))
    return path


@dataclass(frozen=True)
class Shape:
    """A llama of any size. The default is small enough to be loaded in an instant."""

    n_layers: int = 2
    n_embd: int = 64
    n_ff: int = 128
    n_head: int = 4
    n_head_kv: int = 2
    n_vocab: int = 261
    n_ctx_train: int = 512
    kind: int = 8  # Q8_0
    file_type: int = 7
    tied: bool = False  # no output matrix: the embedding serves

    @property
    def values(self) -> dict[str, Value | bytes]:
        tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581a", "b"]
        tokens += [f"t{index}" for index in range(len(tokens), self.n_vocab)]
        tokens = tokens[: self.n_vocab]
        types = [2, 3, 3, *[6] * 256, *[1] * self.n_vocab][: self.n_vocab]
        return {
            "general.architecture": "llama",
            "general.name": "Tiny",
            "general.file_type": self.file_type,
            "llama.block_count": self.n_layers,
            "llama.context_length": self.n_ctx_train,
            "llama.embedding_length": self.n_embd,
            "llama.feed_forward_length": self.n_ff,
            "llama.attention.head_count": self.n_head,
            "llama.attention.head_count_kv": self.n_head_kv,
            "llama.attention.layer_norm_rms_epsilon": 1e-5,
            "llama.rope.dimension_count": self.n_embd // self.n_head,
            "tokenizer.ggml.model": "llama",
            "tokenizer.ggml.tokens": Array(STRING, tokens),
            "tokenizer.ggml.scores": Array(F32, [0.0] * self.n_vocab),
            "tokenizer.ggml.token_type": Array(I32, types),
            "tokenizer.ggml.bos_token_id": 1,
            "tokenizer.ggml.eos_token_id": 2,
            "tokenizer.chat_template": "{% for m in messages %}{{ m['content'] }}{% endfor %}",
        }

    @property
    def tensors(self) -> list[tuple[str, tuple[int, ...], int]]:
        n_kv = self.n_embd // self.n_head * self.n_head_kv
        matrices = {
            "attn_q": (self.n_embd, self.n_embd),
            "attn_k": (self.n_embd, n_kv),
            "attn_v": (self.n_embd, n_kv),
            "attn_output": (self.n_embd, self.n_embd),
            "ffn_gate": (self.n_embd, self.n_ff),
            "ffn_up": (self.n_embd, self.n_ff),
            "ffn_down": (self.n_ff, self.n_embd),
        }
        tensors = [
            ("token_embd.weight", (self.n_embd, self.n_vocab), self.kind),
            ("output_norm.weight", (self.n_embd,), 0),
        ]
        if not self.tied:
            tensors.append(("output.weight", (self.n_embd, self.n_vocab), self.kind))
        for layer in range(self.n_layers):
            tensors += [(f"blk.{layer}.{norm}.weight", (self.n_embd,), 0) for norm in ("attn_norm", "ffn_norm")]
            tensors += [(f"blk.{layer}.{name}.weight", shape, self.kind) for name, shape in matrices.items()]
        return tensors

    def write(self, path: Path, **more: Value) -> Path:
        """The file, with more or other values ("general__name" stands for "general.name")."""
        return write(path, self.values | {key.replace("__", "."): value for key, value in more.items()}, self.tensors)


LLAMA_2_7B = Shape(32, 4096, 11008, 32, 32, 32000, 4096, kind=2, file_type=2)
