"""The chats: listed by date, opened, renamed, deleted, searched."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit
from stand_in import StandInDesk, conversation

from llamadesk.core.chat import ConversationId, SearchHit
from llamadesk.ui.chat_list import ChatList
from llamadesk.ui.main_window import MainWindow

DAY = 86_400_000


@pytest.fixture
def chats(window: MainWindow, desk: StandInDesk) -> ChatList:
    now = int(time.time() * 1000)
    desk.conversations.show(
        [
            conversation(1, "First", now),
            conversation(2, "Second", now - 60 * DAY),
            conversation(3, "Third", now - 60 * DAY - 1),
        ]
    )
    desk.conversations.set_current(ConversationId(1))
    QApplication.processEvents()
    chats = window.sidebar.findChild(ChatList)
    assert isinstance(chats, ChatList)
    return chats


def rect(chats: ChatList, row: int) -> QRect:
    return chats.visualRect(chats.model().index(row, 0))


def click(chats: ChatList, point: QPoint) -> None:
    QTest.mouseClick(chats.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point)


def test_the_chat_on_screen_is_selected(chats: ChatList, desk: StandInDesk) -> None:
    assert chats.selected() == desk.conversations.conversation(0)
    desk.conversations.set_current(ConversationId(3))
    assert chats.selected() == desk.conversations.conversation(2)
    desk.conversations.set_current(None)
    assert chats.selected() is None
    assert desk.asked.named("open") == []


def test_a_click_opens_a_chat_and_the_heading_above_it_does_not(chats: ChatList, desk: StandInDesk) -> None:
    heading_and_row = rect(chats, 1)
    assert heading_and_row.height() > rect(chats, 2).height() * 3 // 2  # only the first of a group has a heading
    click(chats, heading_and_row.topLeft() + QPoint(20, 5))
    assert desk.asked.named("open") == []
    click(chats, heading_and_row.bottomLeft() + QPoint(20, -8))
    assert desk.asked.named("open") == [(2,)]


def test_arrows_walk_through_the_chats(chats: ChatList, desk: StandInDesk) -> None:
    chats.setFocus()
    QTest.keyClick(chats, Qt.Key.Key_Down)
    assert desk.asked.named("open") == [(2,)]


def test_f2_renames_in_place(chats: ChatList, desk: StandInDesk) -> None:
    chats.setFocus()
    QTest.keyClick(chats, Qt.Key.Key_F2)
    editor = QApplication.focusWidget()
    assert isinstance(editor, QLineEdit) and editor.selectedText() == "First"
    QTest.keyClicks(editor, "Better")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert desk.asked.named("rename") == [(1, "Better")]
    assert QApplication.focusWidget() is chats


def test_escape_gives_a_renaming_up(chats: ChatList, desk: StandInDesk) -> None:
    desk.replies.be_busy(True)
    chats.rename(ConversationId(2))
    editor = QApplication.focusWidget()
    QTest.keyClicks(editor, "Nonsense")
    QTest.keyClick(editor, Qt.Key.Key_Escape)
    assert not editor.isVisible()
    assert desk.asked.named("rename") == []
    assert desk.asked.named("stop") == []  # the reply goes on


def test_leaving_the_field_takes_the_name(chats: ChatList, desk: StandInDesk, window: MainWindow) -> None:
    chats.rename(ConversationId(2))
    QTest.keyClicks(QApplication.focusWidget(), "Kept")
    window.chat.composer.edit.setFocus()
    assert desk.asked.named("rename") == [(2, "Kept")]


def test_the_menu_renames_and_deletes(chats: ChatList, desk: StandInDesk, window: MainWindow) -> None:
    menu = window.sidebar.menu_for(desk.conversations.conversation(1))
    rename, delete = menu.actions()
    delete.trigger()
    assert desk.asked.named("delete") == [(2,)]
    rename.trigger()
    assert isinstance(QApplication.focusWidget(), QLineEdit)
    menu.deleteLater()


def test_typing_in_the_search_field_searches_and_escape_ends_it(window: MainWindow, desk: StandInDesk) -> None:
    window.sidebar.focus_search()
    field = QApplication.focusWidget()
    QTest.keyClicks(field, "ab")
    assert desk.asked.named("search") == [("a",), ("ab",)]
    desk.replies.be_busy(True)
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert desk.asked.named("search")[-1] == ("",)
    assert desk.asked.named("stop") == []


def test_a_search_shows_the_text_around_the_match_and_enter_opens_the_first(
    window: MainWindow, desk: StandInDesk, chats: ChatList
) -> None:
    plain = rect(chats, 2).height()
    window.sidebar.focus_search()
    desk.conversations.show_hits(
        [SearchHit(conversation(9, "Found", 1), "… the words …"), SearchHit(conversation(8, "B", 1))]
    )
    QApplication.processEvents()
    assert rect(chats, 0).height() > plain  # title and snippet, no heading
    assert rect(chats, 1).height() == plain
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    assert desk.asked.named("open") == [(9,)]


def test_an_empty_list_says_why(window: MainWindow, desk: StandInDesk) -> None:
    nothing = window.sidebar._nothing
    assert nothing.isVisible() and "will be listed here" in nothing.text()
    desk.conversations.show_hits([])
    assert nothing.isVisible() and "No chat has these words" in nothing.text()
    desk.conversations.show_hits(None)
    desk.conversations.show([conversation(1, "One", 1)])
    assert not nothing.isVisible()


def test_new_chat_ends_a_search(window: MainWindow, desk: StandInDesk) -> None:
    window.sidebar.focus_search()
    QTest.keyClicks(QApplication.focusWidget(), "x")
    window.sidebar.start_new_chat()
    assert desk.asked.named("search")[-1] == ("",)
    assert desk.asked.named("new_chat") == [()]


def test_thousands_of_chats_are_listed(make_window: Callable[..., MainWindow], desk: StandInDesk) -> None:
    desk.conversations.show([conversation(i, f"Chat {i}", i * 3_600_000) for i in range(1, 5001)])
    desk.conversations.set_current(ConversationId(5000))
    window = make_window(desk)
    chats = window.sidebar.findChild(ChatList)
    assert isinstance(chats, ChatList)
    assert chats.selected() == desk.conversations.conversation(0)
