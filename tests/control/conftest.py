"""The driver of a desk, for the tests of control."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import qasync
from PySide6.QtWidgets import QApplication

from llamadesk.core.paths import DataFolders
from tests.control.desk_driver import DeskDriver


@pytest.fixture
def driver(qapp: QApplication, tmp_path: Path) -> Iterator[DeskDriver]:
    loop = qasync.QEventLoop(qapp)
    asyncio.set_event_loop(loop)
    root = tmp_path / "data"
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    driver = DeskDriver(loop, DataFolders(root, root / "models", root / "logs"), scripts)
    yield driver
    driver.close_all()
    loop.close()
    asyncio.set_event_loop(None)
    assert not driver.bugs
