"""GPUs, as far as they can be had: finds ggml's modules for them, has each tried in a process of its own, and loads
those that worked. What does not work is told in one sentence, and the model runs on the processor.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from llamadesk.core.protocol import Accelerator, AcceleratorState
from llamadesk.core.start import ACCELERATORS_VARIABLE
from llamadesk.engine.backends import Backends, ModuleError, modules_in
from llamadesk.engine.children import start_child
from llamadesk.engine.trial import TrialReport

TRY_FLAG: Final = "--try-accelerator"
"""The argument after `--engine` that starts `llamadesk.engine.trial`, followed by the module's file."""
TIME_LIMIT_SECONDS: Final = 10.0
"""For one trial. A driver that fills its cache of shaders first may take seconds; but the window waits for Hello only
so long (`bridge.command.Patience.start`), and would then think the engine dead."""

_log = logging.getLogger(__name__)
_FOLDER = "accelerators"
_GOODBYE_SECONDS = 1.0
_NAMES = {"vulkan": "Vulkan", "cuda": "CUDA", "metal": "Metal", "hip": "ROCm", "sycl": "SYCL"}
_VULKAN_LOADER = "vulkan-1.dll" if sys.platform == "win32" else "libvulkan.so.1"


class Trials:
    """The trials of all modules, under way at once. Each is waited for, or killed, in `load_into`."""

    def __init__(self, modules: Mapping[str, Path], *, safe_mode: bool) -> None:
        """Start them, without waiting; `modules` by kind. In safe mode nothing is tried."""
        self._modules = dict(modules)
        self._settled: dict[str, TrialReport] = {}
        self._started: dict[str, _Trial] = {}
        for kind, module in self._modules.items():
            if safe_mode:
                self._settled[kind] = TrialReport(AcceleratorState.OFF)
            elif kind == "vulkan" and not _opens(_VULKAN_LOADER):
                self._settled[kind] = TrialReport(AcceleratorState.MISSING, f"there is no {_VULKAN_LOADER}")
            else:
                self._start(kind, module)

    def _start(self, kind: str, module: Path) -> None:
        try:
            self._started[kind] = _Trial(module)
        except OSError as error:
            self._settled[kind] = TrialReport(AcceleratorState.REFUSED, f"it could not be tried: {error}")

    def load_into(self, backends: Backends) -> list[Accelerator]:
        """Load the modules that worked; what became of each."""
        return [self._load(kind, module, backends) for kind, module in self._modules.items()]

    def _load(self, kind: str, module: Path, backends: Backends) -> Accelerator:
        report = self._settled[kind] if kind in self._settled else self._started[kind].report()
        if report.state is AcceleratorState.READY:
            try:
                if not backends.load(module):
                    report = TrialReport(AcceleratorState.NONE, "there was a device when it was tried, but now: none")
            except ModuleError as error:
                report = TrialReport(AcceleratorState.REFUSED, f"worked when it was tried, but now: {error}")
        name = _NAMES.get(kind, kind)
        _log.info("Accelerator %s", " | ".join((name, report.state, *report.devices, *report.detail.splitlines())))
        return Accelerator(name, report.state, _explained(name, report))


def find_modules(library_folder: Path, environment: Mapping[str, str]) -> dict[str, Path]:
    """The modules of accelerators, by kind: those that belong to the libraries, and those of `ACCELERATORS_VARIABLE`.

    Vulkan comes last: a GPU that two modules know is used by the one that was loaded first, and its maker's is faster.
    """
    added = [Path(folder) for folder in environment.get(ACCELERATORS_VARIABLE, "").split(os.pathsep) if folder]
    found: dict[str, Path] = {}
    for folder in (library_folder / _FOLDER, *added):
        for kind, module in modules_in(folder).items():
            found.setdefault(kind, module)
    return dict(sorted(found.items(), key=lambda item: item[0] == "vulkan"))


class _Trial:
    """One module's trial."""

    def __init__(self, module: Path) -> None:
        """Start the process. Raises OSError where the system does not allow that."""
        self._deadline = time.monotonic() + TIME_LIMIT_SECONDS
        self._process = start_child(TRY_FLAG, str(module), stderr=subprocess.PIPE)

    def report(self) -> TrialReport:
        """Wait for its end, or bring it about."""
        try:
            said, errors = self._process.communicate(timeout=max(0.0, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return TrialReport(AcceleratorState.HUNG, self._kill())
        if self._process.returncode != 0:
            return TrialReport(AcceleratorState.CRASHED, f"{_ending(self._process.returncode)}\n{_last_line(errors)}")
        try:
            return msgspec.json.decode(said, type=TrialReport)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return TrialReport(AcceleratorState.REFUSED, f"no report: {_last_line(errors)}")

    def _kill(self) -> str:
        self._process.kill()
        try:
            _, errors = self._process.communicate(timeout=_GOODBYE_SECONDS)
        except subprocess.TimeoutExpired:  # it waits within the system, which ends it when it can
            return "it could not be killed either"
        return _last_line(errors)


def _opens(library: str) -> bool:
    """Whether the system has that library. Vulkan's own is no driver: it loads drivers when it is first used."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _explained(name: str, report: TrialReport) -> str:
    match report.state:
        case AcceleratorState.READY:
            return f"{name} works with {' and '.join(report.devices)}."
        case AcceleratorState.NONE:
            return f"{name} found no graphics processor that can run a model; the processor runs it."
        case AcceleratorState.MISSING:
            return f"This computer has no driver for {name}; the processor runs the model."
        case AcceleratorState.CRASHED:
            return f"The graphics driver crashed when {name} was tried, so the processor runs the model. {_UPDATE}"
        case AcceleratorState.HUNG:
            return (
                f"The graphics driver did not answer within {TIME_LIMIT_SECONDS:.0f} seconds when {name} was tried, "
                f"so the processor runs the model. {_UPDATE}"
            )
        case AcceleratorState.REFUSED:
            return f"{name} did not work when it was tried, so the processor runs the model. {_UPDATE}"
        case AcceleratorState.OFF:
            return f"{name} is not used in safe mode; the processor runs the model."


_UPDATE = "A newer graphics driver may help."


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code 0x{code:X}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _last_line(errors: bytes) -> str:
    lines = errors.decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else ""
