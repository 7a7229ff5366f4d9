"""The KV cache of a model, and the computation that fills it."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from enum import Enum
from typing import Final

from llamadesk.core.protocol import KvType, LoadSettings
from llamadesk.engine.cancel import CancelFlag, native_is_set
from llamadesk.engine.native.adapter import LoraAdapter
from llamadesk.engine.native.bindings import lib
from llamadesk.engine.native.model import Model, NativeLoadError

MAX_BATCH: Final = 512
"""Tokens in one llama_decode; a larger batch than the context was made for would abort the process."""

MAX_OUTPUTS: Final = 16
"""Tokens in one `Context.decode_each`."""

_KV_TYPES: Final = {KvType.F16: lib.GGML_TYPE_F16, KvType.Q8_0: lib.GGML_TYPE_Q8_0, KvType.Q4_0: lib.GGML_TYPE_Q4_0}
_SEQUENCE: Final = 0
_ABORTED: Final = 2
_IS_SET: Final = native_is_set(lib.ggml_abort_callback)


class Decoded(Enum):
    """How a decode ended."""

    OK = "ok"
    ABORTED = "aborted"
    FAILED = "failed"


class Context:
    """The KV cache of one sequence, and the computation that fills it."""

    def __init__(self, model: Model, settings: LoadSettings, n_threads: int) -> None:
        """Make room for `settings.n_ctx` tokens.

        Raises:
            NativeLoadError: mostly, there is not enough memory.
        """
        params = lib.llama_context_default_params()
        params.n_ctx = settings.n_ctx
        params.n_batch = params.n_ubatch = self.n_batch = max(1, min(settings.n_ubatch, MAX_BATCH, settings.n_ctx))
        # The second sequence shares the cells of the first: a part of it is taken out and put back by it (`States`).
        params.n_seq_max = 1 if model.keeps_state else 2
        params.kv_unified = True
        # Each more costs memory for its logits, and there must be one for each sequence.
        self.n_outputs = 1 if model.keeps_state else min(MAX_OUTPUTS, self.n_batch)
        params.n_outputs_max = max(self.n_outputs, params.n_seq_max)
        params.n_threads = params.n_threads_batch = n_threads
        fused = settings.flash_attention
        params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_ENABLED if fused else lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.type_k = _KV_TYPES[settings.kv_type]
        params.type_v = _KV_TYPES[settings.kv_type if fused else KvType.F16]  # a quantized V needs flash attention
        params.no_perf = True
        self._handle = lib.llama_init_from_model(model.handle, params)
        if not self._handle:
            raise NativeLoadError
        self._memory = lib.llama_get_memory(self._handle)
        self._keeps_state = model.keeps_state
        self.can_move = not model.keeps_state and (settings.kv_type is KvType.F16 or model.moves_quantized_keys)
        """Whether the states of tokens may be moved to another position."""
        self.n_ctx: int = lib.llama_n_ctx(self._handle)
        self._tokens = (lib.llama_token * self.n_batch)()
        self._outputs = (ctypes.c_int8 * self.n_batch)()
        # Without positions and sequences, llama.cpp goes on where the one sequence ends.
        self._batch = lib.llama_batch(
            token=ctypes.cast(self._tokens, lib.llama_token_p),
            logits=ctypes.cast(self._outputs, ctypes.POINTER(ctypes.c_int8)),
        )
        self._cancel: CancelFlag | None = None
        self._adapters: list[LoraAdapter] = []

    @property
    def handle(self) -> int:
        """llama.cpp's pointer."""
        return int(self._handle)

    @property
    def keeps_state(self) -> bool:
        """Whether the model keeps a running state, which cannot go back."""
        return self._keeps_state

    @property
    def n_past(self) -> int:
        """Tokens in the KV cache."""
        return int(lib.llama_memory_seq_pos_max(self._memory, _SEQUENCE)) + 1

    def use_adapters(self, adapters: Sequence[tuple[LoraAdapter, float]]) -> None:
        """Compute with these adapters, each as strong as its number says. Owns them: `close` frees them.

        Once, before anything is decoded: what is in the cache was computed without them.
        """
        self._adapters = [adapter for adapter, _ in adapters]
        count = len(adapters)
        handles = (lib.llama_adapter_lora_p_ctypes * count)(*(adapter.handle for adapter, _ in adapters))
        lib.llama_set_adapters_lora(self._handle, handles, count, (ctypes.c_float * count)(*(by for _, by in adapters)))

    def watch(self, cancel: CancelFlag | None) -> None:
        """Abort a decode as soon as `cancel` is set; None ends that.

        Where the system's C library cannot be reached so, or a GPU computes, nothing aborts: look at the flag between
        decodes.
        """
        self._cancel = cancel  # kept alive for as long as native code reads it
        if cancel is not None and _IS_SET is not None:
            lib.llama_set_abort_callback(self._handle, _IS_SET, cancel.address)
        else:
            lib.llama_set_abort_callback(self._handle, lib.ggml_abort_callback(), None)

    def decode(self, tokens: list[int], *, want_logits: bool) -> Decoded:
        """Append 1 to `n_batch` tokens to the cache; with `want_logits`, the next token can be sampled afterwards.

        After ABORTED and FAILED a part may have been appended: `n_past` tells.
        """
        self._outputs[len(tokens) - 1] = want_logits
        decoded = self._decode(tokens)
        self._outputs[len(tokens) - 1] = 0
        return decoded

    def decode_each(self, tokens: list[int]) -> Decoded:
        """Append 1 to `n_outputs` tokens to the cache, after each of which the next one can be sampled; else as
        `decode`."""
        count = len(tokens)
        self._outputs[:count] = [1] * count
        decoded = self._decode(tokens)
        self._outputs[:count] = [0] * count
        return decoded

    def _decode(self, tokens: list[int]) -> Decoded:
        count = len(tokens)
        self._tokens[:count] = tokens  # type: ignore[assignment] # plain ints are what the array takes
        self._batch.n_tokens = count
        result = lib.llama_decode(self._handle, self._batch)
        if result == 0:
            return Decoded.OK
        if self._keeps_state:  # which may have gone on by a part of the batch
            lib.llama_memory_clear(self._memory, True)
        return Decoded.ABORTED if result == _ABORTED else Decoded.FAILED

    def truncate(self, n_tokens: int) -> int:
        """Forget everything from position `n_tokens` on; returns how many tokens are left.

        A model that keeps a running state instead of a cache cannot go back: then everything is forgotten.
        """
        if n_tokens >= self.n_past:
            return self.n_past
        if n_tokens > 0 and lib.llama_memory_seq_rm(self._memory, _SEQUENCE, n_tokens, -1):
            return n_tokens
        lib.llama_memory_clear(self._memory, True)
        return 0

    def warm_up(self, token: int) -> None:
        """Decode once and forget it, so that the first question need not wait for memory to be touched."""
        lib.llama_set_warmup(self._handle, True)
        self.decode([token], want_logits=True)
        lib.llama_synchronize(self._handle)
        lib.llama_set_warmup(self._handle, False)
        lib.llama_memory_clear(self._memory, True)

    def close(self) -> None:
        """Free the cache, and the adapters."""
        lib.llama_free(self._handle)
        for adapter in self._adapters:
            adapter.close()
