"""What computes: the modules of ggml that are loaded into this process, and their devices.

Knows ggml alone, by ctypes, not llama.cpp: the process that tries a module needs no more, and starts the sooner.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import os
import sys
from pathlib import Path
from typing import Final

from llamadesk.core.devices import distinct, usable_gpus
from llamadesk.core.protocol import Device, DeviceKind

_log = logging.getLogger(__name__)

_DEVICE_KINDS: Final = {0: DeviceKind.CPU, 1: DeviceKind.GPU, 2: DeviceKind.IGPU, 3: DeviceKind.ACCEL}
if sys.platform == "win32":
    _PREFIX, _LIBRARY_SUFFIXES, _MODULE_SUFFIXES = "", (".dll",), (".dll",)
elif sys.platform == "darwin":
    _PREFIX, _LIBRARY_SUFFIXES, _MODULE_SUFFIXES = "lib", (".dylib", ".so"), (".so", ".dylib")
else:
    _PREFIX, _LIBRARY_SUFFIXES, _MODULE_SUFFIXES = "lib", (".so",), (".so",)
_BASELINES: Final = ("x64", "armv8.0_1", "apple_m1")
"""The variant of the CPU's module that runs on every processor of its kind."""

_LACKS_LIBRARY: Final = ("cannot open shared object file", "Library not loaded")
"""What Linux and macOS say of a library that needs another one, which is not there."""


class ModuleError(Exception):
    """A module cannot be used in this process; the words say why, for the log."""


class ModuleLacksLibraryError(ModuleError):
    """The system lacks a library that the module needs, mostly a driver's."""


def library_folder() -> Path:
    """Where llama.cpp's libraries are.

    Raises:
        ModuleNotFoundError: llama-cpp-python is not installed.
    """
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("llama_cpp")
    return Path(spec.submodule_search_locations[0]) / "lib"


def modules_in(folder: Path) -> dict[str, Path]:
    """The files of a folder that are named as modules of ggml are, by kind, such as "vulkan" or "cpu-haswell"."""
    prefix = f"{_PREFIX}ggml-"
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix in _MODULE_SUFFIXES and path.is_file())
    except OSError:
        return {}
    return {path.stem.removeprefix(prefix): path for path in files if path.name.startswith(prefix)}


class Backends:
    """ggml's register of modules and devices in this process. Use from one thread; whatever is loaded stays loaded."""

    def __init__(self, folder: Path) -> None:
        """`folder` holds the libraries; nothing but them is loaded yet.

        Raises:
            OSError: they cannot be loaded.
        """
        self._folder = folder
        self._kept: list[ctypes.CDLL] = []
        self.modules: list[Path] = []
        """What was loaded by `load`, in that order."""
        self.base = _open_library(folder, "ggml-base")
        self._registry = _open_library(folder, "ggml")
        self._registry.ggml_backend_load.argtypes = [ctypes.c_char_p]
        self._registry.ggml_backend_load.restype = ctypes.c_void_p
        self._registry.ggml_backend_dev_count.restype = ctypes.c_size_t
        self._registry.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
        self._registry.ggml_backend_dev_get.restype = ctypes.c_void_p
        for name, result in (("name", ctypes.c_char_p), ("description", ctypes.c_char_p), ("type", ctypes.c_int)):
            function = getattr(self.base, f"ggml_backend_dev_{name}")
            function.argtypes, function.restype = [ctypes.c_void_p], result
        sizes = ctypes.POINTER(ctypes.c_size_t)
        self.base.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, sizes, sizes]
        self.base.ggml_backend_dev_memory.restype = None

    def load_cpu(self, *, baseline: bool = False) -> str:
        """Make the processor a device, by the best variant that it can run, or by the plainest one.

        Returns the variant's name, such as "haswell"; "" where the libraries were built for one processor.

        Raises:
            ModuleError: no variant runs here.
        """
        variants = {
            kind.removeprefix("cpu-"): path
            for kind, path in modules_in(self._folder).items()
            if kind.startswith("cpu-")
        }
        if not variants:
            if not self.handles():
                self.load(self._folder / f"{_PREFIX}ggml-cpu{_MODULE_SUFFIXES[0]}")
            return ""
        plainest = next((name for name in _BASELINES if name in variants), None)
        if baseline and plainest is not None:  # the others are not even opened
            variants = {plainest: variants[plainest]}
        scores = {name: self._score(path) for name, path in variants.items()}
        best = max(scores, key=lambda name: scores[name])
        if scores[best] <= 0:
            raise ModuleError("no variant of the CPU module runs on this processor")
        self.load(variants[best])
        if not self.handles():
            raise ModuleError(f"{variants[best].name} could not be started")
        return best

    def load(self, module: Path) -> list[int]:
        """Load a module; returns the handles of the devices that it brought, of which there may be none.

        Raises:
            ModuleLacksLibraryError: the system lacks a library that it needs.
            ModuleError: it is no module, damaged, or made for another version of the libraries.
        """
        before = set(self.handles())
        opened = self._open(module)
        # Opened just now, so on Windows the name finds it. ggml would misread a path with letters of other languages.
        name = module.name.encode() if sys.platform == "win32" else os.fsencode(module)
        if not self._registry.ggml_backend_load(name):
            _require_nothing_found(opened)
        self.modules.append(module)
        return [handle for handle in self.handles() if handle not in before]

    def handles(self) -> list[int]:
        """ggml's pointers of all devices."""
        return [self._registry.ggml_backend_dev_get(index) for index in range(self._registry.ggml_backend_dev_count())]

    def devices(self) -> list[Device]:
        """All devices that could compute, each once, with the memory that is free now."""
        return list(distinct([self.device(handle) for handle in self.handles()]))

    def gpus(self) -> list[tuple[int, Device]]:
        """The handles of the GPUs that layers are put on, and what is known of them."""
        handles = {self._name(handle): handle for handle in self.handles()}
        return [(handles[gpu.name], gpu) for gpu in usable_gpus(self.devices())]

    def device(self, handle: int) -> Device:
        """What is known of a device."""
        kind = _DEVICE_KINDS.get(self.base.ggml_backend_dev_type(handle), DeviceKind.ACCEL)
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self.base.ggml_backend_dev_memory(handle, ctypes.byref(free), ctypes.byref(total))
        if kind is DeviceKind.CPU:  # ggml gives the total as free
            import psutil  # noqa: PLC0415 - a fifth of the imports of a trial, which asks no processor

            memory = psutil.virtual_memory()
            free.value, total.value = memory.available, memory.total
        return Device(
            name=self._name(handle),
            description=_text(self.base.ggml_backend_dev_description(handle)),
            kind=kind,
            memory_free=free.value,
            memory_total=total.value,
        )

    def _name(self, handle: int) -> str:
        return _text(self.base.ggml_backend_dev_name(handle))

    def _score(self, variant: Path) -> int:
        """How good a variant of the CPU's module is here; 0 where the processor cannot run it."""
        try:
            function = self._open(variant).ggml_backend_score
        except (ModuleError, AttributeError) as error:
            _log.warning("%s is passed over: %s", variant.name, error)
            return 0
        return int(function())

    def _open(self, module: Path) -> ctypes.CDLL:
        try:
            opened = ctypes.CDLL(str(module))
        except OSError as error:
            reason = error.__cause__ or error  # PyInstaller puts words of its own before the system's
            # Windows has one error for a file that is not there and for one that lacks another.
            lacks = isinstance(reason, FileNotFoundError) or any(words in str(reason) for words in _LACKS_LIBRARY)
            raise (ModuleLacksLibraryError if lacks and module.exists() else ModuleError)(str(reason)) from error
        self._kept.append(opened)
        return opened


def _open_library(folder: Path, name: str) -> ctypes.CDLL:
    candidates = [folder / f"{_PREFIX}{name}{suffix}" for suffix in _LIBRARY_SUFFIXES]
    path = next((path for path in candidates if path.exists()), candidates[0])
    return ctypes.CDLL(str(path))


def _require_nothing_found(module: ctypes.CDLL) -> None:
    """Raise ModuleError unless the reason why ggml did not take a module is that it found nothing to work with."""
    try:
        start = module.ggml_backend_init
    except AttributeError as error:
        raise ModuleError("it is no module of ggml") from error
    start.restype = ctypes.c_void_p
    if start():
        raise ModuleError("it was made for another version of ggml")


def _text(data: bytes | None) -> str:
    return (data or b"").decode(errors="replace")
