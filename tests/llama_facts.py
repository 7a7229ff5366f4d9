"""What the header of Llama 2 7B in Q4_0 says."""

from __future__ import annotations

from llamadesk.core.models import ModelFacts

FACTS = ModelFacts(
    architecture="llama",
    name="Llama 2 7B",
    quantization="Q4_0",
    n_layers=32,
    n_ctx_train=4096,
    n_embd=4096,
    n_head=32,
    n_head_kv=32,
    d_head_k=128,
    d_head_v=128,
    n_vocab=32_000,
    n_params=6_740_000_000,
    tensor_bytes=3_791_000_000,
    repeating_bytes=3_610_000_000,
    output_bytes=107_000_000,
    has_chat_template=True,
    n_ff=11_008,
)
