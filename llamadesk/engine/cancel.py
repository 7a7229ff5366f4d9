"""A flag that says "stop", readable by Python and by native code."""

from __future__ import annotations

import ctypes
import sys
from typing import Any


class CancelFlag:
    """Set once, from any thread; never cleared.

    It is a C string: empty, and of length 1 once it is set. So libc's `strlen` can serve as llama.cpp's abort
    callback: it needs no Python, and therefore no lock that a busy interpreter holds.
    """

    def __init__(self) -> None:
        self._text = ctypes.create_string_buffer(2)

    @property
    def address(self) -> int:
        """Where the C string lies; valid as long as this object lives."""
        return ctypes.addressof(self._text)

    @property
    def is_set(self) -> bool:
        """Whether to stop."""
        return self._text[0] != b"\0"

    def set(self) -> None:
        """Ask whoever watches the flag to stop."""
        self._text[0] = b"\1"


def native_is_set(prototype: Any) -> Any | None:
    """`CancelFlag.is_set` for native code, which calls it with the flag's address: libc's strlen as a function of that
    ctypes prototype; None where it cannot be had."""
    if sys.platform == "win32":
        return None
    try:
        return ctypes.cast(ctypes.CDLL(None).strlen, prototype)
    except (OSError, AttributeError):
        return None
