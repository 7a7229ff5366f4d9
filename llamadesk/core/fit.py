"""How much memory a model needs, before it is tried.

The formula of the compute buffer was fitted to what llama.cpp reports for six shapes of 2 to 80 layers, micro-batches
of 32 to 512 and contexts of 512 to 16,384 tokens: mostly exact to 1 %, 10 % off at worst (20 % for a toy).
What the rest of the engine's process takes was measured.
"""

from __future__ import annotations

from typing import Final

import msgspec

from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.models import ModelFacts
from llamadesk.core.protocol import KvType, LoadSettings
from llamadesk.core.sizes import bytes_text

_KV_BLOCKS: Final = {KvType.F16: (1, 2), KvType.Q8_0: (32, 34), KvType.Q4_0: (32, 18)}
"""Elements in a block of the KV cache, and its bytes."""

_N_CTX_STEP: Final = 256  # llama.cpp rounds a context up to this
_USUAL_CONTEXT: Final = 8192
_SHORTEST_CONTEXT: Final = 512
_PROCESS_BYTES: Final = 40_000_000  # Python, the libraries, llama.cpp's own bookkeeping
_BYTES_PER_VOCABULARY_TOKEN: Final = 450
_REPACKED: Final = frozenset({"Q4_0", "IQ4_NL", "Q2_K", "Q2_K_S", "Q4_K_S", "Q4_K_M", "MXFP4"})
"""Quantizations that llama.cpp may rearrange for the processor at hand."""


class MemoryNeed(msgspec.Struct, frozen=True):
    """What a loaded model takes.

    Attributes:
        ram_bytes: main memory that must be there for the model to work.
        vram_bytes: memory of the graphics card.
        reclaimable_bytes: what system monitors may count on top while and after it is loaded: pages of the mapped file
            whose contents were rearranged into a copy. The system takes them back when it needs them.
    """

    ram_bytes: int
    vram_bytes: int
    reclaimable_bytes: int = 0


def kv_bytes(facts: ModelFacts, n_ctx: int, kv_type: KvType, v_type: KvType | None = None) -> int:
    """Size of the KV cache for `n_ctx` tokens in bytes; `v_type` where V is stored in another way than K."""
    n_cells = -(-n_ctx // _N_CTX_STEP) * _N_CTX_STEP
    n_heads = facts.n_layers * n_cells * facts.n_head_kv
    return _stored(n_heads * facts.d_head_k, kv_type) + _stored(n_heads * facts.d_head_v, v_type or kv_type)


def _stored(n_elements: int, kv_type: KvType) -> int:
    block_elements, block_bytes = _KV_BLOCKS[kv_type]
    return n_elements * block_bytes // block_elements


def compute_bytes(facts: ModelFacts, n_ctx: int, n_ubatch: int, flash_attention: bool) -> int:
    """Size of the compute buffer in bytes: the larger of what the feed-forward part and, where it is not fused, the
    attention of a micro-batch hold at a time. (The output layer would be the largest for small models, but the engine
    asks for the output of one token only.)"""
    n_embd_kv = facts.n_head_kv * facts.d_head_k
    feed_forward = 3 * facts.n_ff + 4 * facts.n_embd
    attention = 0 if flash_attention else (facts.n_head + 1) * n_ctx + 5 * facts.n_embd + 2 * n_embd_kv
    mask_bytes = 2 * n_ctx * n_ubatch  # f16; as f32 it is counted with the attention
    return max(4 * n_ubatch * feed_forward + mask_bytes, 4 * n_ubatch * attention)


def memory_need(facts: ModelFacts, settings: LoadSettings) -> MemoryNeed:
    """What a model needs when it is loaded with `settings`; everything that is not offloaded is in main memory."""
    n_ctx = settings.n_ctx or facts.n_ctx_train
    # a quantized V needs flash attention
    v_type = settings.kv_type if settings.flash_attention else KvType.F16
    kv = kv_bytes(facts, n_ctx, settings.kv_type, v_type)
    compute = compute_bytes(facts, n_ctx, settings.n_ubatch, settings.flash_attention)
    vram_weights, on_gpu = _offloaded(facts, settings.n_gpu_layers)
    embedding = facts.tensor_bytes - facts.repeating_bytes - facts.output_bytes
    copied = embedding if vram_weights and _output_is_embedding(facts) else 0  # stays in main memory too
    ram_weights = facts.tensor_bytes - (vram_weights - copied)
    vram = int(vram_weights + kv * on_gpu + compute) if vram_weights else 0
    process = _PROCESS_BYTES + _BYTES_PER_VOCABULARY_TOKEN * facts.n_vocab
    host_compute = compute if on_gpu < 1 else 4 * settings.n_ubatch * facts.n_embd  # then only the embeddings' rows
    ram = int(ram_weights + kv * (1 - on_gpu) + host_compute + process)
    doubled = settings.use_mmap and facts.quantization in _REPACKED
    return MemoryNeed(ram, vram, ram_weights if doubled else 0)


def default_context(facts: ModelFacts) -> int:
    """The context length in tokens where the person chose none: what the model was trained for, within reason."""
    return min(_USUAL_CONTEXT, facts.n_ctx_train)


def too_large(facts: ModelFacts, settings: LoadSettings, ram_available: int, vram_free: int) -> Problem | None:
    """MODEL_TOO_LARGE, with the figures and a way out, where a model does not fit; None where it does.

    Args:
        facts, settings: the model and how it is to be loaded.
        ram_available: bytes that programs can have without others being pushed out.
        vram_free: bytes free on the graphics cards.
    """
    need = memory_need(facts, settings)
    if need.ram_bytes > ram_available:
        title = (
            f"This model needs about {bytes_text(need.ram_bytes)} of memory, and {bytes_text(ram_available)} are free."
        )
        advice = _advice(facts, settings, ram_available)
    elif need.vram_bytes > vram_free:
        title = (
            f"This model needs about {bytes_text(need.vram_bytes)} on the graphics card, "
            f"and {bytes_text(vram_free)} are free there."
        )
        advice = "Put fewer layers on the GPU, choose a shorter context, or a smaller quantization of the model."
    else:
        return None
    return Problem(ProblemCode.MODEL_TOO_LARGE, title, advice, detail=f"{need} for {settings}")


def _offloaded(facts: ModelFacts, n_gpu_layers: int) -> tuple[int, float]:
    """Bytes of weights on the GPU, and the share of the repeating layers that is there (0 to 1).

    llama.cpp offloads from the end, and the output layer is the last."""
    n_layers = facts.n_layers + 1
    wanted = n_layers if n_gpu_layers < 0 else min(n_gpu_layers, n_layers)
    if wanted == 0:
        return 0, 0.0
    share = (wanted - 1) / facts.n_layers
    output = facts.output_bytes
    if _output_is_embedding(facts):
        output += facts.tensor_bytes - facts.repeating_bytes - facts.output_bytes
    return int(output + share * facts.repeating_bytes), share


def _output_is_embedding(facts: ModelFacts) -> bool:
    """Whether the model has no output matrix of its own: what lies there then is a norm alone."""
    embedding = facts.tensor_bytes - facts.repeating_bytes - facts.output_bytes
    return facts.output_bytes * 8 < embedding


def _advice(facts: ModelFacts, settings: LoadSettings, ram_available: int) -> str:
    n_ctx = (settings.n_ctx or facts.n_ctx_train) // 2
    while n_ctx >= _SHORTEST_CONTEXT:
        shorter = msgspec.structs.replace(settings, n_ctx=n_ctx)
        if memory_need(facts, shorter).ram_bytes <= ram_available:
            return f"With a context length of {n_ctx:,} tokens it fits; or close other programs."
        n_ctx //= 2
    return "Choose a smaller quantization of it (such as Q4_0) or a smaller model, or close other programs."
