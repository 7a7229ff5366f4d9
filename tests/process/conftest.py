from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import qasync
from engine_recorder import RecordedEngine, Recorder, recorded_engine, without_core_dumps
from PySide6.QtWidgets import QApplication
from small_disks import breakable_disk, small_disk

from llamadesk.bridge.client import engine_command
from llamadesk.core.paths import data_folders as data_folders_at
from llamadesk.core.protocol import LoadSettings
from tests.control.desk_driver import DeskDriver
from tests.process.window_driver import MakeWindowDriver, WindowDriver

__all__ = ["breakable_disk", "make_window_driver", "real_engine", "recorded_engine", "small_disk", "starter_settings"]


@pytest.fixture
def real_engine(recorded_engine: RecordedEngine) -> Recorder:
    """A client of the engine as it ships, started."""
    return recorded_engine(engine_command())


@pytest.fixture
def starter_settings(starter_model: Path) -> LoadSettings:
    # One thread: two that wait for each other take many times as long wherever something else runs too.
    return LoadSettings(str(starter_model), n_ctx=2048, n_threads=1)


@pytest.fixture
def make_window_driver(
    qapp: QApplication, loop: qasync.QEventLoop, tmp_path: Path, starter_model: Path
) -> Iterator[MakeWindowDriver]:
    """Makes drivers of the real window; those that are open at the end are closed."""
    without_core_dumps()
    qapp.setQuitOnLastWindowClosed(False)  # as the app does
    made: list[WindowDriver] = []

    def make(data: Path) -> WindowDriver:
        made.append(WindowDriver(DeskDriver(loop, data_folders_at(data), tmp_path)))
        return made[-1]

    yield make
    for window_driver in made:
        if window_driver.is_open:
            window_driver.close()
        assert not window_driver.driver.bugs
    qapp.setQuitOnLastWindowClosed(True)
