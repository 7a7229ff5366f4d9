"""Safe mode from outside: by its option, and by the Shift key on a real keyboard of the screen."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from tests.e2e.window import StartWindow

_SHIFT_L = 0xFFE1


@contextmanager
def shift_held(display: str) -> Iterator[None]:
    """Holds the left Shift key of an X screen down."""
    names = [ctypes.util.find_library(name) for name in ("X11", "Xtst")]
    if None in names:
        pytest.skip("keys are pressed through libXtst, which is not installed")
    x11, xtst = (ctypes.CDLL(name) for name in names)
    x11.XOpenDisplay.restype = ctypes.c_void_p
    screen = ctypes.c_void_p(x11.XOpenDisplay(display.encode()))
    key = x11.XKeysymToKeycode(screen, ctypes.c_ulong(_SHIFT_L))
    xtst.XTestFakeKeyEvent(screen, key, 1, ctypes.c_ulong(0))
    x11.XSync(screen, 0)
    try:
        yield
    finally:
        xtst.XTestFakeKeyEvent(screen, key, 0, ctypes.c_ulong(0))
        x11.XCloseDisplay(screen)


def test_by_its_option_and_by_the_shift_key(start_window: StartWindow, desktop: Mapping[str, str]) -> None:
    window = start_window("--safe-mode")
    window.wait_ready()  # the starter model answers in safe mode too
    assert "safe mode" in window.ask("window")
    window.close()

    with shift_held(desktop["DISPLAY"]):
        window = start_window()
        window.wait_ready()
    assert "safe mode" in window.ask("window")
    window.close()

    window = start_window()
    window.wait_ready()
    assert "safe mode" not in window.ask("window")
    window.close()
