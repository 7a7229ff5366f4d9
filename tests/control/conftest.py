"""The driver of a desk, for the tests of control."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import qasync
from PySide6.QtWidgets import QApplication

from llamadesk.core.paths import DataFolders
from tests.control.desk_driver import DeskDriver


@pytest.fixture(scope="session")
def loop(qapp: QApplication) -> Iterator[qasync.QEventLoop]:
    """One loop for all tests, as the app has one: its timers must not be left to the garbage collector, which may run
    on another thread."""
    loop = qasync.QEventLoop(qapp)
    loop.set_default_executor(ThreadPoolExecutor(1))
    asyncio.set_event_loop(loop)
    loop.run_until_complete(loop.run_in_executor(None, int))  # its thread is there before a test can seem to leak it
    yield loop
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def driver(loop: qasync.QEventLoop, tmp_path: Path) -> Iterator[DeskDriver]:
    root = tmp_path / "data"
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    driver = DeskDriver(loop, DataFolders(root, root / "models", root / "logs"), scripts)
    yield driver
    driver.close_all()
    assert not driver.bugs
