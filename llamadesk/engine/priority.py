"""The engine gives way a little to the person's other programs, and long work more than that."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Final

A_LITTLE: Final = 3
"""Steps of niceness: enough that a window drawn beside it stays smooth, and nothing where nobody else computes."""
FAR: Final = 10
"""For what takes minutes anyway: a reply that is written meanwhile stays nearly as fast."""
_BELOW_NORMAL_PRIORITY_CLASS: Final = 0x4000


def give_way(steps: int = A_LITTLE) -> None:
    """Let this process, and those that it starts, run below what runs beside it.

    Call before the process has other threads: on Linux those that are there already stay as they are. Windows knows one
    step only.
    """
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - not elsewhere

        kernel = ctypes.windll.kernel32
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        kernel.SetPriorityClass.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), _BELOW_NORMAL_PRIORITY_CLASS)
    else:
        with contextlib.suppress(OSError):  # where it is forbidden, it is not
            os.nice(steps)
