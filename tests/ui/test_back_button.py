"""The way back looks and is called alike wherever it is."""

from __future__ import annotations

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from llamadesk.ui.library.back_button import BackButton
from llamadesk.ui.theme import ThemeManager


def test_it_has_words_an_arrow_and_its_keys_and_is_reached_by_tab(qtbot: QtBot) -> None:
    theme = ThemeManager()
    pressed: list[bool] = []
    button = BackButton(theme, lambda: pressed.append(True))
    qtbot.addWidget(button)
    assert (button.text(), button.accessibleName()) == ("Back", "Back")
    assert not button.icon().isNull() and button.toolTip().startswith("Back")
    assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
    button.click()
    assert pressed == [True]
