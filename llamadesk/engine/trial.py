"""Tries one accelerator's module in a process of its own: whatever a driver does to it, the engine is not there.

It loads the module, asks its devices for their memory, and lets each of them add some numbers, for some drivers break
only when they are first used. `llamadesk.engine.accelerators` starts this process, judges what comes of it, and
kills it.
"""

from __future__ import annotations

import ctypes
import faulthandler
import sys
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from llamadesk.core.protocol import AcceleratorState
from llamadesk.engine.backends import Backends, ModuleError, ModuleLacksLibraryError, library_folder
from llamadesk.engine.pipe import EXIT_OK, Pipe, end_process

ORPHAN_SECONDS: Final = 30.0
"""The process ends itself after so long, should nobody be left to kill it."""

_F32: Final = 0  # ggml's number of the type
_SIZE: Final = 1024
_CONTEXT_BYTES: Final = 1 << 20


class TrialReport(msgspec.Struct, frozen=True):
    """What a module did: `detail` for the log, `devices` as they describe themselves."""

    state: AcceleratorState
    detail: str = ""
    devices: tuple[str, ...] = ()


def main(module: Path) -> NoReturn:
    """The process: one line of JSON, a `TrialReport`, on standard output."""
    pipe = Pipe.take_over_stdio()
    crash_quietly()
    faulthandler.dump_traceback_later(ORPHAN_SECONDS, exit=True, file=2)  # by a thread of C, which a hang cannot stop
    pipe.send_bytes(msgspec.json.encode(_try(module)) + b"\n")
    end_process(EXIT_OK)  # at once: how a driver cleans up after itself matters to nobody


def _try(module: Path) -> TrialReport:
    backends = Backends(library_folder())
    try:
        handles = backends.load(module)
    except ModuleLacksLibraryError as error:
        return TrialReport(AcceleratorState.MISSING, str(error))
    except ModuleError as error:
        return TrialReport(AcceleratorState.REFUSED, str(error))
    if not handles:
        return TrialReport(AcceleratorState.NONE)
    devices = [backends.device(handle) for handle in handles]
    for handle, device in zip(handles, devices, strict=True):
        if not computes_rightly(backends, handle):
            return TrialReport(AcceleratorState.REFUSED, f"{device.description} computes wrongly")
    return TrialReport(AcceleratorState.READY, devices=tuple(device.description for device in devices))


class _ContextParams(ctypes.Structure):
    """ggml_init_params."""

    _fields_ = (("mem_size", ctypes.c_size_t), ("mem_buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool))


def computes_rightly(backends: Backends, device: int) -> bool:
    """Whether the device of that handle adds numbers, and how it should. May crash or hang.

    It adds and does not multiply matrices: the shaders for that take some drivers ten seconds to compile.
    """
    base = backends.base
    pointer = ctypes.c_void_p
    for name, result, arguments in (
        ("ggml_backend_dev_init", pointer, [pointer, ctypes.c_char_p]),
        ("ggml_init", pointer, [_ContextParams]),
        ("ggml_new_tensor_1d", pointer, [pointer, ctypes.c_int, ctypes.c_int64]),
        ("ggml_add", pointer, [pointer, pointer, pointer]),
        ("ggml_new_graph", pointer, [pointer]),
        ("ggml_build_forward_expand", None, [pointer, pointer]),
        ("ggml_backend_alloc_ctx_tensors", pointer, [pointer, pointer]),
        ("ggml_backend_tensor_set", None, [pointer, pointer, ctypes.c_size_t, ctypes.c_size_t]),
        ("ggml_backend_tensor_get", None, [pointer, pointer, ctypes.c_size_t, ctypes.c_size_t]),
        ("ggml_backend_graph_compute", ctypes.c_int, [pointer, pointer]),
        ("ggml_backend_buffer_free", None, [pointer]),
        ("ggml_backend_free", None, [pointer]),
        ("ggml_free", None, [pointer]),
    ):
        function = getattr(base, name)
        function.restype, function.argtypes = result, arguments
    backend = base.ggml_backend_dev_init(device, None)
    if not backend:
        return False
    context = base.ggml_init(_ContextParams(_CONTEXT_BYTES, None, True))
    left, right = (base.ggml_new_tensor_1d(context, _F32, _SIZE) for _ in range(2))
    total = base.ggml_add(context, left, right)
    graph = base.ggml_new_graph(context)
    base.ggml_build_forward_expand(graph, total)
    buffer = base.ggml_backend_alloc_ctx_tensors(context, backend)
    is_right = False
    if buffer:
        numbers = (ctypes.c_float * _SIZE)(*range(_SIZE))
        for tensor in (left, right):
            base.ggml_backend_tensor_set(tensor, numbers, 0, ctypes.sizeof(numbers))
        status = base.ggml_backend_graph_compute(backend, graph)
        base.ggml_backend_tensor_get(total, numbers, 0, ctypes.sizeof(numbers))
        is_right = status == 0 and list(numbers) == [2.0 * number for number in range(_SIZE)]
        base.ggml_backend_buffer_free(buffer)
    base.ggml_free(context)
    base.ggml_backend_free(backend)
    return is_right


def crash_quietly() -> None:
    """No core file and no window of the system, should this process crash."""
    if sys.platform == "win32":
        fail_critical_errors, no_fault_box = 0x0001, 0x0002
        ctypes.windll.kernel32.SetErrorMode(fail_critical_errors | no_fault_box)
    else:
        import resource  # noqa: PLC0415 - not on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
