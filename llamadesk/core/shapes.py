"""What a quantization of a model takes, reckoned from its shape: before there is a file whose header says so."""

from __future__ import annotations

from typing import Final

from llamadesk.core.catalogue import CatalogueModel, ModelShape
from llamadesk.core.ggml_types import TENSOR_TYPES
from llamadesk.core.gguf_header import Tensor
from llamadesk.core.models import ModelFacts
from llamadesk.core.quantize import TARGETS, expected_bytes

_F16: Final = TENSOR_TYPES[1]
_FUSED: Final = frozenset({"phi3"})
"""Architectures that keep Q, K and V in one tensor."""
_HEADER_BYTES_PER_TOKEN: Final = 40  # of the vocabulary: the text, its length, score, type and merges


def parameters(shape: ModelShape) -> int:
    """The weights of all matrices of a shape."""
    in_layers = sum(tensor.n_elements for tensor in _layer(shape))
    return shape.n_layers * in_layers + sum(tensor.n_elements for tensor in (*_embedding(shape), *_output(shape)))


def active_share(shape: ModelShape) -> float:
    """The share of the layers' weights that work on a token: less than 1.0 in a mixture of experts."""
    if not shape.n_expert:
        return 1.0
    n_elements = {"attn": 0, "ffn_": 0}
    for tensor in _layer(shape):
        n_elements[tensor.name[:4]] += tensor.n_elements
    active = n_elements["attn"] + n_elements["ffn_"] * shape.n_expert_used // shape.n_expert
    return active / sum(n_elements.values())


def expected_facts(model: CatalogueModel, quantization: str) -> ModelFacts:
    """What the header of such a file would say, near enough to tell whether it fits.

    Raises:
        KeyError: the quantization is no target of `llamadesk.core.quantize`.
    """
    shape, target = model.shape, TARGETS[quantization]
    norm = 4 * shape.n_embd  # norms stay 32 bits: two in a layer, and one before the output
    repeating = shape.n_layers * (expected_bytes(_layer(shape), target) + 2 * norm)
    output = expected_bytes(_output(shape), target)
    # asked for together: without an output matrix the embedding is stored as one
    embedding = expected_bytes([*_embedding(shape), *_output(shape)], target) - output
    return ModelFacts(
        architecture=shape.architecture,
        name=model.name,
        quantization=quantization,
        n_layers=shape.n_layers,
        n_ctx_train=model.n_ctx_train,
        n_embd=shape.n_embd,
        n_head=shape.n_head,
        n_head_kv=shape.n_head_kv,
        d_head_k=shape.head_size,
        d_head_v=shape.head_size,
        n_vocab=shape.n_vocab,
        n_params=model.n_params,
        tensor_bytes=embedding + repeating + output + norm,
        repeating_bytes=repeating,
        output_bytes=output + norm,
        has_chat_template=True,
        n_ff=shape.n_ff * max(shape.n_expert_used, 1),
    )


def expected_file_bytes(facts: ModelFacts) -> int:
    """About the size of a file with these facts: the tensors, and a header that is mostly vocabulary."""
    return facts.tensor_bytes + _HEADER_BYTES_PER_TOKEN * facts.n_vocab


def _embedding(shape: ModelShape) -> list[Tensor]:
    return [_matrix("token_embd", shape.n_embd, shape.n_vocab)]


def _output(shape: ModelShape) -> list[Tensor]:
    return [] if shape.tied else [_matrix("output", shape.n_embd, shape.n_vocab)]


def _layer(shape: ModelShape) -> list[Tensor]:
    """The matrices of one layer; a layer with experts has the feed-forward ones so many times."""
    n_query = shape.n_head * shape.head_size
    n_kv = shape.n_head_kv * shape.head_size
    copies = max(shape.n_expert, 1)
    if shape.architecture in _FUSED:
        projections = [_matrix("attn_qkv", shape.n_embd, n_query + 2 * n_kv)]
    else:
        sizes = {"attn_q": n_query, "attn_k": n_kv, "attn_v": n_kv}
        projections = [_matrix(name, shape.n_embd, n_rows) for name, n_rows in sizes.items()]
    return [
        *projections,
        _matrix("attn_output", n_query, shape.n_embd),
        _matrix("ffn_gate", shape.n_embd, shape.n_ff * copies),
        _matrix("ffn_up", shape.n_embd, shape.n_ff * copies),
        _matrix("ffn_down", shape.n_ff, shape.n_embd * copies),
    ]


def _matrix(name: str, n_columns: int, n_rows: int) -> Tensor:
    n_elements = n_columns * n_rows
    return Tensor(f"{name}.weight", _F16, (n_columns, n_rows), n_elements, n_elements * _F16.block_bytes)
