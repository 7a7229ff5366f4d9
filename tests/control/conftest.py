"""The driver of a desk, for the tests of control."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import qasync
from small_disks import small_disk

from llamadesk.core.paths import DataFolders
from tests.control.desk_driver import DeskDriver

__all__ = ["driver", "small_disk"]


@pytest.fixture
def driver(loop: qasync.QEventLoop, tmp_path: Path) -> Iterator[DeskDriver]:
    root = tmp_path / "data"
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    driver = DeskDriver(loop, DataFolders(root, root / "models", root / "logs"), scripts)
    yield driver
    driver.close_all()
    assert not driver.bugs
