"""Entries of a catalogue for tests, as JSON holds them."""

from __future__ import annotations

from typing import Any

SHAPE: dict[str, Any] = {
    "architecture": "llama",
    "n_layers": 2,
    "n_embd": 64,
    "n_ff": 128,
    "n_head": 4,
    "n_head_kv": 2,
    "n_vocab": 261,
}
SOURCE: dict[str, Any] = {
    "repository": "somebody/Tiny-GGUF",
    "pattern": "tiny.{}.gguf",
    "quantizations": ["Q4_0", "Q8_0"],
}
MODEL: dict[str, Any] = {
    "id": "tiny",
    "family": "Tiny",
    "name": "Tiny",
    "publisher": "Somebody",
    "licence": "mit",
    "n_params": 100_000,
    "n_ctx_train": 512,
    "shape": SHAPE,
    "sources": [SOURCE],
}
LICENCE: dict[str, Any] = {
    "id": "mit",
    "title": "MIT License",
    "url": "https://example.org/mit",
    "summary": "Do what you like.",
}
