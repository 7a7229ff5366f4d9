"""llama.cpp as a few small classes. The only module that imports llama_cpp, and only its low-level bindings.

All of it must be called from one thread. Ids of tokens are plain ints; positions count from 0 in the one sequence that
a context holds.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import os
import sys
from collections import deque
from collections.abc import Callable
from enum import Enum, IntFlag
from types import ModuleType
from typing import Final

from llamadesk.core.protocol import KvType, LoadSettings, Sampling
from llamadesk.engine.cancel import CancelFlag, native_is_set


def _skip_package_code() -> None:
    """Let `llama_cpp.llama_cpp` be imported without the package's own __init__.

    That one imports the high-level classes, and with them numpy and more: 0.2 s for nothing that is used here.
    """
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.submodule_search_locations is None:
        return  # the import below says what is wrong
    package = ModuleType("llama_cpp")
    package.__path__ = list(spec.submodule_search_locations)
    package.__spec__ = spec
    sys.modules.setdefault("llama_cpp", package)


os.environ["GGML_NO_BACKTRACE"] = "1"  # an assertion of ggml would start a debugger if it found one
_skip_package_code()

from llama_cpp import llama_cpp as lib  # noqa: E402

_log = logging.getLogger("llama.cpp")

MAX_BATCH: Final = 512
"""Tokens in one llama_decode; a larger batch than the context was made for would abort the process."""

_LOG_LEVELS: Final = {1: logging.DEBUG, 2: logging.INFO, 3: logging.WARNING, 4: logging.ERROR}
_LOG_CONTINUED: Final = 5
_KV_TYPES: Final = {KvType.F16: lib.GGML_TYPE_F16, KvType.Q8_0: lib.GGML_TYPE_Q8_0, KvType.Q4_0: lib.GGML_TYPE_Q4_0}
_PENALTY_WINDOW: Final = 64
_SEQUENCE: Final = 0
_ABORTED: Final = 2
_NO_DEVICES: Final = (ctypes.c_void_p * 1)()
_IS_SET: Final = native_is_set(lib.ggml_abort_callback)


class NativeLog:
    """Passes what llama.cpp logs on to Python's logging, line by line, and remembers the last errors.

    Keep the object: llama.cpp calls it as long as the process lives.
    """

    def __init__(self) -> None:
        self.errors: deque[str] = deque(maxlen=8)
        self._level = logging.INFO
        self._line = ""
        self._callback = lib.llama_log_callback(self._receive)
        lib.llama_log_set(self._callback, None)

    def _receive(self, level: int, text: bytes | None, _data: object) -> None:
        if level != _LOG_CONTINUED:
            self._flush()
            self._level = _LOG_LEVELS.get(level, logging.INFO)
        self._line += (text or b"").decode(errors="replace")
        if self._line.endswith("\n"):
            self._flush()

    def _flush(self) -> None:
        line, self._line = self._line.strip(" .\r\n"), ""
        if not line:
            return
        if self._level >= logging.ERROR:
            self.errors.append(line)
        # What is an error to llama.cpp is told to the person as a problem; here it is one line of a log among others.
        _log.log(min(self._level, logging.WARNING), "%s", line.replace("\n", " | "))


def start_library() -> None:
    """Make llama.cpp ready, once the processor is a device: it would look for modules in the current folder else."""
    lib.llama_backend_init()


def library_version() -> str:
    """The version of llama.cpp."""
    return _text(lib.llama_version())


def cpu_features() -> list[str]:
    """What the library uses of this processor, such as "AVX2". Ask before GPUs are loaded, for they list their own."""
    _, _, listed = _text(lib.llama_print_system_info()).partition("CPU :")
    pairs = (item.partition("=") for item in listed.split("|"))
    return [name.strip() for name, _, value in pairs if value.strip() == "1"]


class TokenAttribute(IntFlag):
    """What sets a token apart from plain text; llama.cpp's values."""

    UNKNOWN = lib.LLAMA_TOKEN_ATTR_UNKNOWN
    CONTROL = lib.LLAMA_TOKEN_ATTR_CONTROL
    USER_DEFINED = lib.LLAMA_TOKEN_ATTR_USER_DEFINED
    LSTRIP = lib.LLAMA_TOKEN_ATTR_LSTRIP
    RSTRIP = lib.LLAMA_TOKEN_ATTR_RSTRIP


class Vocab:
    """The vocabulary of a model: text to tokens and back. Belongs to its `Model` and must not be used after it."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self.n_tokens: int = lib.llama_vocab_n_tokens(handle)
        self.bos: int = lib.llama_vocab_bos(handle)
        self.eos: int = lib.llama_vocab_eos(handle)
        self.adds_bos: bool = lib.llama_vocab_get_add_bos(handle)

    def tokenize(self, text: str, *, parse_special: bool = False) -> list[int]:
        """The tokens of a text, without BOS or EOS. The texts of control tokens count as plain text, unless told."""
        data = text.encode(errors="replace")
        if not data:
            return []
        size = len(data) + 8
        while True:
            buffer = (lib.llama_token * size)()
            count = lib.llama_tokenize(self._handle, data, len(data), buffer, size, False, parse_special)
            if count >= 0:
                return buffer[:count]
            if count == -(2**31):
                raise MemoryError("text too long to tokenize")
            size = -count

    def piece(self, token: int) -> bytes:
        """The bytes that a token adds to a text; none for control tokens. They need not be whole code points."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = lib.llama_token_to_piece(self._handle, token, buffer, size, 0, False)
            if count >= 0:
                return buffer.raw[:count]
            size = -count

    def text_of(self, token: int) -> str:
        """The name of a token as templates write it, such as "</s>"; "" for an id that is none."""
        return _text(lib.llama_vocab_get_text(self._handle, token)) if 0 <= token < self.n_tokens else ""

    def is_end(self, token: int) -> bool:
        """Whether the token ends a reply."""
        return bool(lib.llama_vocab_is_eog(self._handle, token))

    def special_tokens(self) -> dict[int, TokenAttribute]:
        """Every token that llama.cpp matches as a whole in a text, with its attributes."""
        special = TokenAttribute.UNKNOWN | TokenAttribute.CONTROL | TokenAttribute.USER_DEFINED
        get, handle = lib.llama_vocab_get_attr, self._handle
        attributes = ((token, get(handle, token)) for token in range(self.n_tokens))
        known = sum(TokenAttribute)
        return {token: TokenAttribute(value & known) for token, value in attributes if value & special}


class Model:
    """The weights of a model. Close it after its contexts."""

    def __init__(self, path: str, settings: LoadSettings, on_progress: Callable[[float], bool]) -> None:
        """Load a GGUF file; `on_progress` gets the fraction that is loaded, and stops the load by returning False.

        Raises:
            NativeLoadError: llama.cpp could not, or was told to stop.
        """
        params = lib.llama_model_default_params()
        params.n_gpu_layers = settings.n_gpu_layers
        if settings.n_gpu_layers == 0:  # else a GPU would still read long prompts, and its driver could still crash
            params.devices = ctypes.cast(_NO_DEVICES, ctypes.c_void_p)
        params.load_mode = lib.LLAMA_LOAD_MODE_MMAP if settings.use_mmap else lib.LLAMA_LOAD_MODE_NONE
        params.progress_callback = lib.llama_progress_callback(lambda fraction, _: on_progress(fraction))
        self._handle = lib.llama_model_load_from_file(os.fsencode(path), params)
        if not self._handle:
            raise NativeLoadError
        self.vocab = Vocab(lib.llama_model_get_vocab(self._handle))

    @property
    def handle(self) -> int:
        """llama.cpp's pointer."""
        return int(self._handle)

    @property
    def description(self) -> str:
        """Architecture, size and quantization in llama.cpp's words."""
        buffer = ctypes.create_string_buffer(256)
        lib.llama_model_desc(self._handle, buffer, len(buffer))
        return _text(buffer.value)

    @property
    def n_layers(self) -> int:
        """Repeating layers."""
        return int(lib.llama_model_n_layer(self._handle))

    @property
    def n_ctx_train(self) -> int:
        """The context that the model was trained for, in tokens."""
        return int(lib.llama_model_n_ctx_train(self._handle))

    @property
    def n_params(self) -> int:
        """Weights."""
        return int(lib.llama_model_n_params(self._handle))

    @property
    def size_bytes(self) -> int:
        """Bytes of all tensors."""
        return int(lib.llama_model_size(self._handle))

    @property
    def writes_text(self) -> bool:
        """Whether the model continues a text, as against one that only embeds or translates."""
        return bool(lib.llama_model_has_decoder(self._handle)) and not lib.llama_model_has_encoder(self._handle)

    @property
    def keeps_state(self) -> bool:
        """Whether it keeps a running state that cannot go back, instead of or beside a KV cache."""
        return bool(lib.llama_model_is_recurrent(self._handle) or lib.llama_model_is_hybrid(self._handle))

    @property
    def chat_template(self) -> str:
        """The Jinja template of the file, or ""."""
        return _text(lib.llama_model_chat_template(self._handle, None))

    def metadata(self, key: str) -> str:
        """A value of the file's header as text, or ""."""
        size = 256
        while True:
            buffer = ctypes.create_string_buffer(size)
            needed = lib.llama_model_meta_val_str(self._handle, key.encode(), buffer, size)
            if needed < size:
                return _text(buffer.value) if needed >= 0 else ""
            size = needed + 1

    def close(self) -> None:
        """Free the weights."""
        lib.llama_model_free(self._handle)


class NativeLoadError(Exception):
    """llama.cpp gave no model or no context; why is in the log (`NativeLog.errors`)."""


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
        params.n_outputs_max = 1  # only the last token's logits are ever read; more would only cost memory
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
        self.n_ctx: int = lib.llama_n_ctx(self._handle)
        self._tokens = (lib.llama_token * self.n_batch)()
        self._outputs = (ctypes.c_int8 * self.n_batch)()
        # Without positions and sequences, llama.cpp goes on where the one sequence ends.
        self._batch = lib.llama_batch(
            token=ctypes.cast(self._tokens, lib.llama_token_p),
            logits=ctypes.cast(self._outputs, ctypes.POINTER(ctypes.c_int8)),
        )
        self._cancel: CancelFlag | None = None

    @property
    def handle(self) -> int:
        """llama.cpp's pointer."""
        return int(self._handle)

    @property
    def n_past(self) -> int:
        """Tokens in the KV cache."""
        return int(lib.llama_memory_seq_pos_max(self._memory, _SEQUENCE)) + 1

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
        count = len(tokens)
        self._tokens[:count] = tokens  # type: ignore[assignment] # plain ints are what the array takes
        self._batch.n_tokens = count
        self._outputs[count - 1] = want_logits
        result = lib.llama_decode(self._handle, self._batch)
        self._outputs[count - 1] = 0
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
        """Free the cache."""
        lib.llama_free(self._handle)


class Sampler:
    """Chooses the next token: llama.cpp's own chain in llama.cpp's own order, without a copy of the logits in Python.

    The repeat penalty sees the tokens of this reply only. That it saw the prompt too would make the token that ends a
    reply less likely the more replies there were.
    """

    def __init__(self, sampling: Sampling, seed: int, n_vocab: int) -> None:
        self._chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        if sampling.repeat_penalty != 1.0:
            self._add(lib.llama_sampler_init_penalties(n_vocab, _PENALTY_WINDOW, sampling.repeat_penalty, 0.0, 0.0))
        if sampling.temperature <= 0:
            self._add(lib.llama_sampler_init_greedy())
            return
        if sampling.top_k > 0:
            self._add(lib.llama_sampler_init_top_k(sampling.top_k))
        if sampling.top_p < 1.0:
            self._add(lib.llama_sampler_init_top_p(sampling.top_p, 1))
        if sampling.min_p > 0:
            self._add(lib.llama_sampler_init_min_p(sampling.min_p, 1))
        self._add(lib.llama_sampler_init_temp(sampling.temperature))
        self._add(lib.llama_sampler_init_dist(seed))

    def _add(self, sampler: object) -> None:
        lib.llama_sampler_chain_add(self._chain, sampler)

    def sample(self, context: Context) -> int:
        """The next token after the last decode that wanted logits; the chain takes note of it."""
        return int(lib.llama_sampler_sample(self._chain, context.handle, -1))

    def close(self) -> None:
        """Free the chain."""
        lib.llama_sampler_free(self._chain)


def _text(data: bytes | None) -> str:
    return (data or b"").decode(errors="replace")
