"""A context to measure with."""

from __future__ import annotations

import ctypes
from typing import Final

from llamadesk.core.protocol import KvType, LoadSettings
from llamadesk.engine.cancel import CancelFlag
from llamadesk.engine.native.bindings import lib
from llamadesk.engine.native.context import Context
from llamadesk.engine.native.model import Model

_SEQUENCE: Final = 0
_CARRIER: Final = 1


class TrialContext(Context):
    """A context whose cache can be filled without reading, and whose threads can be others."""

    def __init__(self, model: Model, settings: LoadSettings, n_threads: int) -> None:
        """See Context."""
        super().__init__(model, settings, n_threads)
        self._is_quantized = settings.kv_type is not KvType.F16

    def use_threads(self, n_threads: int) -> None:
        """Compute with so many threads from now on."""
        lib.llama_set_n_threads(self._handle, n_threads, n_threads)

    def repeat(self, n_tokens: int, cancel: CancelFlag) -> int:
        """Append what the cache holds to itself again and again, up to `n_tokens`; returns how many it then holds.

        The next token costs what it costs where so many tokens were really read: the copies belong to the sequence, so
        that attention works on every one of them. (What they say is nonsense, for they were not computed there.) They
        lie at positions of their own, which a sliding window looks at; but those of a quantized cache stay at the
        first ones, for llama-cpp-python 0.3.36 crashes when it moves such a cache of some models. 0 where the model
        keeps a running state. Empty the cache afterwards.
        """
        if self._keeps_state:
            return 0
        moves = not self._is_quantized and lib.llama_memory_can_shift(self._memory)
        n_block = self.n_past
        size = lib.llama_state_seq_get_size(self._handle, _SEQUENCE)
        block = (ctypes.c_uint8 * size)()
        size = lib.llama_state_seq_get_data(self._handle, block, size, _SEQUENCE)
        n_held = n_block
        while n_held + n_block <= n_tokens and not cancel.is_set:
            if not size or not lib.llama_state_seq_set_data(self._handle, block, size, _CARRIER):
                return 0
            if moves:
                lib.llama_memory_seq_add(self._memory, _CARRIER, 0, -1, n_held)
            lib.llama_memory_seq_cp(self._memory, _CARRIER, _SEQUENCE, -1, -1)
            lib.llama_memory_seq_rm(self._memory, _CARRIER, -1, -1)
            n_held += n_block
        return n_held

    def synchronize(self) -> None:
        """Wait until what was asked of a GPU is computed."""
        lib.llama_synchronize(self._handle)
