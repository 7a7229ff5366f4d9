"""The weights of a model and what its file says."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from llamadesk.core.protocol import LoadSettings
from llamadesk.engine.native.bindings import lib, text_of
from llamadesk.engine.native.vocab import Vocab

_ROTATED_WIDTH: Final = 64


class _Origin(NamedTuple):
    """Where weights came from, and where they went."""

    path: str
    size: int
    modified_ns: int
    n_gpu_layers: int
    use_mmap: bool
    tensor_split: tuple[float, ...]
    gpus: tuple[int, ...] | None

    @classmethod
    def of(cls, path: str, settings: LoadSettings, gpus: Sequence[int] | None) -> _Origin | None:
        """None where the file cannot be looked at."""
        try:
            found = Path(path).stat()
        except OSError:
            return None
        chosen = None if gpus is None else tuple(gpus) if settings.n_gpu_layers else ()
        return cls(
            path,
            found.st_size,
            found.st_mtime_ns,
            settings.n_gpu_layers,
            settings.use_mmap,
            settings.tensor_split,
            chosen,
        )


class Model:
    """The weights of a model. Close it after its contexts."""

    def __init__(
        self,
        path: str,
        settings: LoadSettings,
        on_progress: Callable[[float], bool],
        gpus: Sequence[int] | None = None,
        *,
        allocates: bool = True,
    ) -> None:
        """Load a GGUF file.

        Args:
            path, settings: what is loaded, and how.
            on_progress: gets the fraction that is loaded, and stops the load by returning False.
            gpus: ggml's handles of the GPUs that layers are put on, in the order of `settings.tensor_split`; None lets
                llama.cpp choose.
            allocates: whether the weights are read; else all is only worked out, and the log tells what it would take.

        Raises:
            NativeLoadError: llama.cpp could not, or was told to stop.
        """
        params = lib.llama_model_default_params()
        params.n_gpu_layers = settings.n_gpu_layers
        if settings.n_gpu_layers == 0:  # else a GPU would still read long prompts, and its driver could still crash
            gpus = ()
        devices = (ctypes.c_void_p * (len(gpus or ()) + 1))(*(gpus or ()))
        if gpus is not None:
            params.devices = ctypes.cast(devices, ctypes.c_void_p)
        split = (ctypes.c_float * lib.llama_max_devices())(*settings.tensor_split[: lib.llama_max_devices()])
        if any(settings.tensor_split):
            params.tensor_split = ctypes.cast(split, ctypes.POINTER(ctypes.c_float))
        mapped = settings.use_mmap and allocates
        params.load_mode = lib.LLAMA_LOAD_MODE_MMAP if mapped else lib.LLAMA_LOAD_MODE_NONE
        params.no_alloc = not allocates
        params.progress_callback = lib.llama_progress_callback(lambda fraction, _: on_progress(fraction))
        self._origin = _Origin.of(path, settings, gpus)
        self._handle = lib.llama_model_load_from_file(os.fsencode(path), params)
        if not self._handle:
            raise NativeLoadError
        self.vocab = Vocab(lib.llama_model_get_vocab(self._handle))

    def serves(self, path: str, settings: LoadSettings, gpus: Sequence[int] | None = None) -> bool:
        """Whether a load with these settings would give the very same weights in the same places."""
        return self._origin is not None and self._origin == _Origin.of(path, settings, gpus)

    @property
    def handle(self) -> int:
        """llama.cpp's pointer."""
        return int(self._handle)

    @property
    def description(self) -> str:
        """Architecture, size and quantization in llama.cpp's words."""
        buffer = ctypes.create_string_buffer(256)
        lib.llama_model_desc(self._handle, buffer, len(buffer))
        return text_of(buffer.value)

    @property
    def n_layers(self) -> int:
        """Repeating layers."""
        return int(lib.llama_model_n_layer(self._handle))

    @property
    def n_ctx_train(self) -> int:
        """The context that the model was trained for, in tokens."""
        return int(lib.llama_model_n_ctx_train(self._handle))

    @property
    def n_window(self) -> int:
        """Tokens that a layer with a sliding window looks back; 0 where there is none."""
        return int(lib.llama_model_n_swa(self._handle))

    @property
    def kv_elements(self) -> int:
        """About how many elements the KV cache holds for a token, in all layers; exact where heads are as wide as the
        embedding divided by their number."""
        return int(2 * self.n_layers * self._head_width * lib.llama_model_n_head_kv(self._handle))

    @property
    def moves_quantized_keys(self) -> bool:
        """Whether llama.cpp can move the states of tokens whose K is quantized: for heads of another width it crashes
        (its llama-kv-cache.cpp makes no rotation for them, and uses it all the same)."""
        named = self.metadata(f"{self.metadata('general.architecture')}.attention.key_length")
        return (int(named) if named.isdecimal() else self._head_width) % _ROTATED_WIDTH == 0

    @property
    def _head_width(self) -> int:
        return int(lib.llama_model_n_embd(self._handle) // max(1, lib.llama_model_n_head(self._handle)))

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
        return text_of(lib.llama_model_chat_template(self._handle, None))

    def metadata(self, key: str) -> str:
        """A value of the file's header as text, or ""."""
        size = 256
        while True:
            buffer = ctypes.create_string_buffer(size)
            needed = lib.llama_model_meta_val_str(self._handle, key.encode(), buffer, size)
            if needed < size:
                return text_of(buffer.value) if needed >= 0 else ""
            size = needed + 1

    def close(self) -> None:
        """Free the weights."""
        lib.llama_model_free(self._handle)


class NativeLoadError(Exception):
    """llama.cpp gave no model or no context; why is in the log (`NativeLog.errors`)."""
