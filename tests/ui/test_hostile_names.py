"""Titles and names from outside are shown as they are: no markup is read in them, and nothing they name is opened."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QToolTip, QWidget
from stand_in import StandInDesk, conversation

from llamadesk.control.notices import NoticeKind
from llamadesk.core.models import ModelFamily
from llamadesk.core.settings import PANE_SHOWN
from llamadesk.ui.chat_list import ChatList
from llamadesk.ui.main_window import MainWindow

pytestmark = [
    pytest.mark.qt_log_ignore(r"raise\(\)|grabbing the keyboard"),  # the offscreen platform cannot
    pytest.mark.skipif(sys.platform == "win32", reason="no pipes in the file system"),
    pytest.mark.timeout(60),  # a pipe that is opened for reading blocks for ever
]


@pytest.fixture
def markup(tmp_path: Path) -> str:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    return f'<b>x</b><img src="file://{pipe}">'


def tool_tip_of(widget: QWidget, at: QPoint) -> str:
    QApplication.sendEvent(widget, QHelpEvent(QEvent.Type.ToolTip, at, widget.mapToGlobal(at)))
    QApplication.processEvents()
    text = QToolTip.text()
    QToolTip.hideText()
    return text


def test_a_title(window: MainWindow, desk: StandInDesk, markup: str) -> None:
    desk.conversations.show([conversation(1, markup, 1)])
    QApplication.processEvents()
    chats = window.sidebar.findChild(ChatList)
    assert isinstance(chats, ChatList)
    at = chats.visualRect(desk.conversations.index(0)).bottomLeft() + QPoint(20, -10)
    tip = tool_tip_of(chats.viewport(), at)
    assert "&lt;img" in tip and "<img" not in tip


def test_the_name_of_a_model(window: MainWindow, desk: StandInDesk, markup: str) -> None:
    desk.preferences.set(PANE_SHOWN, True)
    file = msgspec.structs.replace(desk.models.families[0].files[0], family=markup, path=Path(markup))
    desk.models.set_families([ModelFamily(markup, (file,))])
    desk.models.choose(file)
    window.resize(700, 600)
    QApplication.processEvents()
    for combo in window.findChildren(QComboBox):
        tips = [
            combo.toolTip(),
            *(str(combo.itemData(i, Qt.ItemDataRole.ToolTipRole) or "") for i in range(combo.count())),
        ]
        assert not any("<img" in tip for tip in tips)
    assert window.chat.header.findChild(QLabel) is not None
    assert not any("<img" in label.toolTip() for label in window.findChildren(QLabel))
    assert all(
        label.textFormat() is Qt.TextFormat.PlainText for label in window.findChildren(QLabel) if "<" in label.text()
    )


def test_the_name_of_a_model_in_the_list(window: MainWindow, desk: StandInDesk, markup: str) -> None:
    desk.preferences.set(PANE_SHOWN, True)
    file = msgspec.structs.replace(desk.models.families[0].files[0], family=markup)
    desk.models.set_families([ModelFamily(markup, (file,))])
    desk.models.choose(file)
    assert window.pane is not None
    combo = window.pane.chooser.model_combo
    combo.showPopup()
    QApplication.processEvents()
    view = combo.view()
    tip = tool_tip_of(view.viewport(), view.visualRect(combo.model().index(0, 0)).center())
    combo.hidePopup()
    assert "&lt;img" in tip and "<img" not in tip


def test_a_notice(window: MainWindow, desk: StandInDesk, markup: str) -> None:
    desk.notices.post(NoticeKind.ERROR, f"{markup} could not be read.", detail=markup)
    QApplication.processEvents()
    (card,) = window.chat.notices.cards
    (shown,) = (label for label in card.findChildren(QLabel) if "<img" in label.text())
    assert shown.textFormat() is Qt.TextFormat.PlainText
