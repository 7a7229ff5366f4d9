"""Safe mode is said where it cannot be overlooked, for as long as it lasts."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QLabel
from stand_in import StandInDesk

from llamadesk.core.settings import PANE_SHOWN
from llamadesk.core.start import StartMode
from llamadesk.ui.main_window import MainWindow
from llamadesk.ui.settings_pane import SettingsPane

SESSION_ONLY = "Safe mode: what you change here holds until LlamaDesk is closed."


def words_of(pane: SettingsPane | None) -> list[str]:
    assert pane is not None
    return [label.text() for label in pane.findChildren(QLabel) if label.isVisible()]


def test_the_title_and_the_pane_say_it(make_window: Callable[..., MainWindow]) -> None:
    desk = StandInDesk(StartMode(safe=True)).with_model()
    window = make_window(desk)
    desk.preferences.set(PANE_SHOWN, True)
    assert window.windowTitle() == "LlamaDesk (safe mode)"
    assert SESSION_ONLY in words_of(window.pane)


def test_an_ordinary_window_does_not(window: MainWindow, desk: StandInDesk) -> None:
    desk.preferences.set(PANE_SHOWN, True)
    assert window.windowTitle() == "LlamaDesk"
    assert SESSION_ONLY not in words_of(window.pane)
