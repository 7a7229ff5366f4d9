"""How much main memory this process has held."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from pathlib import Path

import psutil

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_RESET_PEAK = b"5"


def peak_bytes() -> int:
    """The most that was held at once since `reset_peak`, mapped files included; 0 where the system does not tell.

    Only Linux can begin anew: elsewhere it is the most since the process began.
    """
    if sys.platform == "linux":
        # Not getrusage: its figure outlives an exec, so that it may be the parent's.
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return 0
    elif sys.platform == "win32":  # noqa: RET505 - mypy knows by it that this is of another system
        return int(psutil.Process().memory_info().peak_wset)
    else:
        import resource  # noqa: PLC0415 - Windows has none

        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # macOS counts in bytes


def reset_peak() -> None:
    """Let `peak_bytes` count from what is held now, where the system can do that."""
    if sys.platform == "linux":
        try:
            _CLEAR_REFS.write_bytes(_RESET_PEAK)
        except OSError:
            return  # some containers forbid it: the peak is then one of the whole process


def give_back() -> None:
    """Let the system have what was freed: the C library of Linux keeps some of it for later else."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # a C library of another kind has no such function
            ctypes.CDLL(None).malloc_trim(0)
