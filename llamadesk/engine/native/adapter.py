"""LoRA adapters: small files of weights that are added to those of a model while it computes."""

from __future__ import annotations

import ctypes
import os

from llamadesk.engine.native.bindings import lib
from llamadesk.engine.native.model import Model


class LoraAdapter:
    """An adapter in memory. Close it before its model."""

    def __init__(self, model: Model, path: str) -> None:
        """Read a GGUF file that was made for `model`.

        Raises:
            NativeAdapterError: it cannot be read, or was not.
        """
        self._handle = lib.llama_adapter_lora_init(model.handle, os.fsencode(path))
        if not self._handle:
            raise NativeAdapterError

    @property
    def handle(self) -> ctypes._Pointer[ctypes.c_void_p]:
        """llama.cpp's pointer."""
        return self._handle  # type: ignore[no-any-return] # ctypes' own pointer type has no name

    def close(self) -> None:
        """Free it, when no context uses it any more."""
        lib.llama_adapter_lora_free(self._handle)


class NativeAdapterError(Exception):
    """llama.cpp gave no adapter; why is in the log (`NativeLog.errors`)."""
