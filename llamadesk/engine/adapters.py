"""Puts the person's LoRA adapters to work, or says in plain words why one cannot be."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.protocol import Adapter
from llamadesk.engine.native import Context, LoraAdapter, Model, NativeAdapterError, NativeLog

# What llama.cpp's log says of an adapter that it refuses.
_OTHER_MODEL: Final = ("arch mismatch", "does not exist in base model", "incorrect shape")
_NO_ADAPTER: Final = ("general.type", "adapter.type", "unexpected suffix", "is not transposed")
_NO_MEMORY: Final = ("allocate",)


def apply_adapters(model: Model, context: Context, adapters: Iterable[Adapter], log: NativeLog) -> None:
    """Let a new context compute with adapters, which it owns then. One whose strength is 0 is not even read.

    Raises:
        ProblemError: ADAPTER_UNUSABLE; the context uses none then.
    """
    loaded: list[tuple[LoraAdapter, float]] = []
    try:
        for adapter in adapters:
            if adapter.scale:
                loaded.append((_load(model, adapter, log), adapter.scale))
    except ProblemError:
        for made, _ in loaded:
            made.close()
        raise
    if loaded:
        context.use_adapters(loaded)


def _load(model: Model, adapter: Adapter, log: NativeLog) -> LoraAdapter:
    path = Path(adapter.path)
    if not path.is_file():
        raise ProblemError(_unusable(path, "is not there any more"))
    log.errors.clear()
    try:
        return LoraAdapter(model, adapter.path)
    except NativeAdapterError as error:
        detail = " | ".join(log.errors)[-1000:]
        raise ProblemError(_unusable(path, _why(detail), detail)) from error


def _why(detail: str) -> str:
    if any(words in detail for words in _OTHER_MODEL):
        return "was made for another model"
    if any(words in detail for words in _NO_ADAPTER):
        return "is no LoRA adapter"
    if any(words in detail for words in _NO_MEMORY):
        return "needs more memory than there is"
    return "is damaged, or no LoRA adapter in the GGUF format"


def _unusable(path: Path, why: str, detail: str = "") -> Problem:
    return Problem(
        ProblemCode.ADAPTER_UNUSABLE,
        f'The LoRA adapter "{path.name}" {why}.',
        "Remove it from the list of adapters in the settings, or choose the model that it was made for.",
        detail,
    )
