"""The vocabulary of a model without its weights."""

from __future__ import annotations

import os

from llamadesk.engine.native.bindings import lib, text_of
from llamadesk.engine.native.model import NativeLoadError
from llamadesk.engine.native.vocab import Vocab


class VocabularyFile:
    """What the head of a GGUF file says, loaded in milliseconds. Close it; its vocabulary must not be used then."""

    def __init__(self, path: str) -> None:
        """Raises NativeLoadError where llama.cpp cannot read it."""
        params = lib.llama_model_default_params()
        params.vocab_only = True
        params.n_gpu_layers = 0
        self._handle = lib.llama_model_load_from_file(os.fsencode(path), params)
        if not self._handle:
            raise NativeLoadError
        self.vocab = Vocab(lib.llama_model_get_vocab(self._handle))

    @property
    def chat_template(self) -> str:
        """The Jinja template of the file, or ""."""
        return text_of(lib.llama_model_chat_template(self._handle, None))

    def close(self) -> None:
        """Free it."""
        lib.llama_model_free(self._handle)
