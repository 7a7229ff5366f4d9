from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pytestqt.qtbot import QtBot
from stand_in import StandInDesk

from llamadesk.core.settings import Theme
from llamadesk.ui.main_window import MainWindow
from llamadesk.ui.theme import ThemeManager


@pytest.fixture
def desk() -> StandInDesk:
    """A desk with a chosen and loaded model, and no GPU."""
    return StandInDesk().with_model()


@pytest.fixture
def theme(qapp: object) -> ThemeManager:
    return ThemeManager()


@pytest.fixture
def make_window(qtbot: QtBot) -> Iterator[Callable[[StandInDesk], MainWindow]]:
    """Opens a window on a desk, 1280 x 860, and waits until it has the keyboard."""
    windows: list[MainWindow] = []

    def make(desk: StandInDesk, width: int = 1280, height: int = 860) -> MainWindow:
        window = MainWindow(desk)  # type: ignore[arg-type]
        qtbot.addWidget(window)
        window.resize(width, height)
        with qtbot.waitActive(window):
            window.show()
            window.activateWindow()
        windows.append(window)
        return window

    yield make
    for window in windows:
        window.theme.set_theme(Theme.SYSTEM)  # the style hints are the application's, and outlive the window


@pytest.fixture
def window(make_window: Callable[[StandInDesk], MainWindow], desk: StandInDesk) -> MainWindow:
    return make_window(desk)
