"""A model on this machine as plain values: what the library finds, the pane shows and the engine loads."""

from __future__ import annotations

from pathlib import Path

import msgspec


class ModelFacts(msgspec.Struct, frozen=True):
    """What the header of a GGUF file says, read by `llamadesk.core.gguf`.

    Attributes:
        architecture: `general.architecture`, such as "llama".
        name: `general.name`, or "" where the file has none.
        quantization: in llama.cpp's words, such as "Q4_0"; by `general.file_type`, else by the commonest tensor type.
        n_layers: `<arch>.block_count`.
        n_ctx_train: `<arch>.context_length`, the context the model was trained for, in tokens.
        n_embd: `<arch>.embedding_length`.
        n_head: attention heads; n_head_kv: heads of K and V (fewer with grouped-query attention).
        d_head_k, d_head_v: elements of one head of K and of V.
        n_vocab: tokens in the vocabulary.
        n_params: weights, counted from the tensors.
        tensor_bytes: bytes of all tensors; repeating_bytes: those of the n_layers repeating layers;
            output_bytes: those of the output layer; the rest is the token embedding.
        has_chat_template: whether the file carries a template.
        n_ff: elements between the two feed-forward matrices, of all experts that work on a token together.
    """

    architecture: str
    name: str
    quantization: str
    n_layers: int
    n_ctx_train: int
    n_embd: int
    n_head: int
    n_head_kv: int
    d_head_k: int
    d_head_v: int
    n_vocab: int
    n_params: int
    tensor_bytes: int
    repeating_bytes: int
    output_bytes: int
    has_chat_template: bool
    n_ff: int = 0


class ModelFile(msgspec.Struct, frozen=True):
    """One GGUF file on this machine. `family` is what its quantizations share and the person reads, such as
    "Llama 2 7B Chat"; `modified_ns` and `size_bytes` tell whether it is still the file that was read."""

    path: Path
    family: str
    size_bytes: int
    modified_ns: int
    facts: ModelFacts


class ModelFamily(msgspec.Struct, frozen=True):
    """A model with the quantizations of it that are here, smallest first."""

    name: str
    files: tuple[ModelFile, ...]
