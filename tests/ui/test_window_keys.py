"""The keys people expect, pressed in the window."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot
from stand_in import StandInDesk, conversation

from llamadesk.core.chat import ConversationId
from llamadesk.core.settings import PANE_SHOWN, SIDEBAR_SHOWN, ZOOM
from llamadesk.ui.main_window import MainWindow
from llamadesk.ui.panels import Side
from llamadesk.ui.shortcuts import SHORTCUTS, Act, keys_text
from llamadesk.ui.shortcuts_dialog import ShortcutsDialog

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")  # the offscreen platform cannot

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def press(window: MainWindow, key: Qt.Key, modifiers: Qt.KeyboardModifier = CTRL) -> None:
    QTest.keyClick(QApplication.focusWidget() or window, key, modifiers)


def test_ctrl_n_starts_a_new_chat(window: MainWindow, desk: StandInDesk) -> None:
    press(window, Qt.Key.Key_N)
    assert desk.asked.named("new_chat") == [()]


def test_ctrl_b_hides_and_shows_the_sidebar_and_is_remembered(window: MainWindow, desk: StandInDesk) -> None:
    press(window, Qt.Key.Key_B)
    assert not window.sidebar.isVisible()
    assert desk.settings.get(SIDEBAR_SHOWN, bool) is False
    press(window, Qt.Key.Key_B)
    assert window.sidebar.isVisible()
    assert desk.settings.get(SIDEBAR_SHOWN, bool) is True


def test_ctrl_comma_opens_the_settings_and_is_remembered(window: MainWindow, desk: StandInDesk) -> None:
    assert window.pane is None  # it costs time at the start only where it was open
    press(window, Qt.Key.Key_Comma)
    assert window.pane is not None and window.pane.isVisible()
    assert desk.settings.get(PANE_SHOWN, bool) is True
    press(window, Qt.Key.Key_Comma)
    assert not window.pane.isVisible()


def test_ctrl_k_goes_to_the_search_even_where_the_sidebar_is_hidden(window: MainWindow) -> None:
    press(window, Qt.Key.Key_B)
    press(window, Qt.Key.Key_K)
    assert QApplication.focusWidget().accessibleName() == "Search chats"


def test_ctrl_l_goes_to_the_models(window: MainWindow) -> None:
    press(window, Qt.Key.Key_L)
    assert window.pane is not None
    assert QApplication.focusWidget() is window.pane.chooser.model_combo


@pytest.mark.parametrize(
    ("key", "zoom"), [(Qt.Key.Key_Plus, 110), (Qt.Key.Key_Equal, 110), (Qt.Key.Key_Minus, 90), (Qt.Key.Key_0, 100)]
)
def test_zoom_keys_change_the_text_size_and_are_remembered(
    window: MainWindow, desk: StandInDesk, key: Qt.Key, zoom: int
) -> None:
    if zoom == 100:
        desk.settings.set(ZOOM, 150)
    before = window.theme.font("body").pixelSize()
    press(window, key)
    assert desk.settings.get(ZOOM, int) == zoom == window.theme.zoom
    assert (window.theme.font("body").pixelSize() > before) == (zoom > 100)


def test_zoom_stops_at_its_bounds_without_a_complaint(window: MainWindow, desk: StandInDesk) -> None:
    desk.settings.set(ZOOM, 300)
    press(window, Qt.Key.Key_Plus)
    assert desk.settings.get(ZOOM, int) == 300
    assert desk.asked.named("set") == []


def test_escape_stops_a_reply_and_does_nothing_else(window: MainWindow, desk: StandInDesk) -> None:
    press(window, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
    assert desk.asked.named("stop") == []
    desk.replies.be_busy(True)
    press(window, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
    assert desk.asked.named("stop") == [()]


def test_nothing_is_deleted_by_a_bare_key(window: MainWindow, desk: StandInDesk) -> None:
    desk.conversations.show([conversation(7, "Seven", 1)])
    desk.conversations.set_current(ConversationId(7))
    for key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
        press(window, key, Qt.KeyboardModifier.NoModifier)
        QTest.keyClick(window.sidebar.findChild(object, "chats"), key)
    assert desk.asked.named("delete") == []
    press(window, Qt.Key.Key_Backspace, CTRL | SHIFT)
    assert desk.asked.named("delete") == [(7,)]


def test_the_keys_are_shown_in_a_dialog_and_in_tool_tips(window: MainWindow, qtbot: QtBot) -> None:
    press(window, Qt.Key.Key_Slash)
    dialog = window.findChild(ShortcutsDialog)
    assert dialog is not None and dialog.isVisible()
    texts = {label.text() for label in dialog.findChildren(object) if hasattr(label, "text")}
    for shortcut in SHORTCUTS:
        assert shortcut.label in texts
        assert keys_text(shortcut.keys[0]) in texts
    dialog.close()
    tips = " ".join(widget.toolTip() for widget in window.findChildren(object) if hasattr(widget, "toolTip"))
    for act in (Act.NEW_CHAT, Act.SIDEBAR, Act.SETTINGS, Act.SEARCH, Act.STOP):
        keys = next(keys_text(shortcut.keys[0]) for shortcut in SHORTCUTS if shortcut.act is act)
        assert f"({keys})" in tips
    assert isinstance(dialog, QDialog)


def test_escape_first_takes_away_a_panel_over_the_chat(
    make_window: Callable[..., MainWindow], desk: StandInDesk
) -> None:
    window = make_window(desk, 420, 700)
    press(window, Qt.Key.Key_B)
    assert window.panels.is_shown(Side.SIDEBAR)
    desk.replies.be_busy(True)
    press(window, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
    assert not window.panels.is_shown(Side.SIDEBAR)
    assert desk.asked.named("stop") == []
