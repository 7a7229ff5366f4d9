"""A desktop without a screen for all tests from outside, and windows on it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from devlib.desktop import desktop as new_desktop

from tests.e2e.window import StartWindow, Window


@pytest.fixture(scope="session")
def desktop() -> Iterator[Mapping[str, str]]:
    """The environment of a screen and a session bus of their own."""
    if not sys.platform.startswith("linux"):
        pytest.skip("windows are worked from outside through AT-SPI, which is Linux's")
    with new_desktop() as env:
        yield env


@pytest.fixture
def start_window(desktop: Mapping[str, str], tmp_path: Path) -> Iterator[StartWindow]:
    """Starts the app on this test's data folder, again and again if need be; what is left is killed at the end."""
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(Window(desktop, tmp_path / "data", arguments))
