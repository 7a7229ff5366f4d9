"""Quantizing the file of a model into another file."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from llamadesk.engine.native.bindings import lib

_BUFFER_BYTES: Final = 128 * 1024 * 1024
"""Of rows that are held at once; the process takes about twice as much. llama.cpp would hold 8 GiB of them."""
_TENSOR_LINE: Final = re.compile(r"\[ *(\d+)/ *(\d+)\] +(\S+)")


class NativeQuantizeError(Exception):
    """llama.cpp could not quantize; its log says why."""


class TensorBegun(NamedTuple):
    """That the tensor `name` is being quantized, the `number`-th (from 1) of `n_tensors`."""

    number: int
    n_tensors: int
    name: str

    @classmethod
    def from_log(cls, line: str) -> TensorBegun | None:
        """What a line of llama.cpp's log tells of it, which is the only one who does; None for any other line."""
        found = _TENSOR_LINE.match(line)
        return cls(int(found[1]), int(found[2]), found[3]) if found else None


def quantize(source: Path, target: str, file_type: int, texts: Mapping[str, str], n_threads: int = 0) -> None:
    """Write `target`, the model of `source` in another quantization. Takes minutes, and knows no way to be stopped but
    the end of the process.

    Args:
        source: any GGUF file of a model; what was quantized already is quantized once more.
        target: the file's name in ASCII, relative to the current folder: llama.cpp would misread any other on Windows.
        file_type: llama.cpp's number of the quantization.
        texts: values to add to the header, each of at most 127 bytes.
        n_threads: that compute; 0 for as many as the processor has.

    Raises:
        NativeQuantizeError: it could not; what is at `target` is of no use.
    """
    params = lib.llama_model_quantize_default_params()
    params.ftype = file_type
    params.nthread = n_threads
    params.allow_requantize = True
    params.max_buf_size = _BUFFER_BYTES
    overrides = (lib.llama_model_kv_override * (len(texts) + 1))()  # one without a key is the last
    for override, (key, text) in zip(overrides, texts.items(), strict=False):
        override.tag = lib.LLAMA_KV_OVERRIDE_TYPE_STR
        override.key = key.encode()
        override.value.val_str = text.encode()
    params.kv_overrides = ctypes.cast(overrides, ctypes.POINTER(lib.llama_model_kv_override))
    if lib.llama_model_quantize(os.fsencode(source), target.encode("ascii"), ctypes.byref(params)):
        raise NativeQuantizeError
