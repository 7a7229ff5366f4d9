"""Writes LoRA adapters for tiny models (`tiny_models`): the real format, random weights."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from tiny_models import TinyModel


def write_lora(
    path: Path,
    model: TinyModel | None = None,
    *,
    architecture: str = "",
    kind: str = "adapter",
    layers: int | None = None,
) -> Path:
    """Write an adapter for the attention of `model`; returns `path`.

    `architecture` and `layers` are the model's unless given; `kind` is what the file says that it is.
    """
    model = model or TinyModel()
    writer = gguf.GGUFWriter(path, architecture or model.architecture)
    writer.add_type(kind)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0)
    random = np.random.default_rng(7)
    rank, width = 2, model.n_embd
    for layer in range(model.n_layers if layers is None else layers):
        for part in ("attn_q", "attn_output"):
            name = f"blk.{layer}.{part}.weight"
            writer.add_tensor(f"{name}.lora_a", random.normal(0, 1, (rank, width)).astype(np.float32))
            writer.add_tensor(f"{name}.lora_b", random.normal(0, 1, (width, rank)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
