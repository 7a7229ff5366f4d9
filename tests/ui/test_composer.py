"""Writing a message: Enter, input methods, growing, recall, drafts, a megabyte of text."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication, QMimeData, Qt
from PySide6.QtGui import QInputMethodEvent, QKeySequence
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from stand_in import StandInDesk, message

from llamadesk.core.chat import Role
from llamadesk.ui.long_lines import LONG_LINE
from llamadesk.ui.main_window import MainWindow
from llamadesk.ui.message_edit import MessageEdit

Key = Qt.Key


@pytest.fixture
def edit(window: MainWindow) -> MessageEdit:
    return window.chat.composer.edit


def paste(edit: MessageEdit, text: str) -> None:
    data = QMimeData()
    data.setText(text)
    edit.insertFromMimeData(data)


def compose(edit: MessageEdit, preedit: str, commit: str = "") -> None:
    event = QInputMethodEvent(preedit, [])
    event.setCommitString(commit)
    QCoreApplication.sendEvent(edit, event)


def test_enter_sends_and_empties_the_field(edit: MessageEdit, desk: StandInDesk) -> None:
    QTest.keyClicks(edit, "Hello")
    QTest.keyClick(edit, Key.Key_Return)
    assert desk.asked.named("send") == [("Hello",)]
    assert edit.text() == ""


def test_the_enter_of_the_number_block_sends_too(edit: MessageEdit, desk: StandInDesk) -> None:
    QTest.keyClicks(edit, "Hello")
    QTest.keyClick(edit, Key.Key_Enter, Qt.KeyboardModifier.KeypadModifier)
    assert desk.asked.named("send") == [("Hello",)]


def test_shift_enter_makes_a_line(edit: MessageEdit, desk: StandInDesk) -> None:
    QTest.keyClicks(edit, "a")
    QTest.keyClick(edit, Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(edit, "b")
    assert edit.text() == "a\nb"
    assert desk.asked.named("send") == []


def test_enter_ends_a_composition_and_sends_nothing(edit: MessageEdit, desk: StandInDesk) -> None:
    compose(edit, "にほ")
    QTest.keyClick(edit, Key.Key_Return)
    assert desk.asked.named("send") == []
    compose(edit, "", "日本")
    QTest.keyClick(edit, Key.Key_Return)
    assert desk.asked.named("send") == [("日本",)]


def test_blank_text_is_not_sent(window: MainWindow, edit: MessageEdit, desk: StandInDesk) -> None:
    QTest.keyClicks(edit, "   ")
    QTest.keyClick(edit, Key.Key_Return)
    assert desk.asked.named("send") == []
    assert not window.chat.composer._send_button.isEnabled()


def test_enter_keeps_what_is_typed_while_a_reply_is_written(edit: MessageEdit, desk: StandInDesk) -> None:
    desk.replies.be_busy(True)
    QTest.keyClicks(edit, "next")
    QTest.keyClick(edit, Key.Key_Return)
    assert desk.asked.named("send") == []
    assert edit.text() == "next"


def test_the_send_button_sends_what_a_screen_reader_typed(window: MainWindow, desk: StandInDesk) -> None:
    window.chat.composer.edit.setPlainText("Hello")
    QTest.mouseClick(window.chat.composer._send_button, Qt.MouseButton.LeftButton)
    assert desk.asked.named("send") == [("Hello",)]


def test_a_refused_message_comes_back_before_what_was_typed_meanwhile(edit: MessageEdit, desk: StandInDesk) -> None:
    QTest.keyClicks(edit, "more")
    desk.replies.send_refused.emit("lost?")
    assert edit.text() == "lost?\nmore"


def test_it_grows_to_two_fifths_of_the_page_then_scrolls(window: MainWindow, edit: MessageEdit, qtbot: QtBot) -> None:
    composer = window.chat.composer
    one = composer.height()
    edit.set_text("a\nb\nc")
    qtbot.waitUntil(lambda: composer.height() > one + 20)
    three = composer.height()
    edit.set_text("line\n" * 200)
    qtbot.waitUntil(lambda: composer.height() > three + 20)
    assert composer.height() <= window.chat.height() * 0.4 + 2
    assert edit.verticalScrollBar().maximum() > 0
    edit.set_text("")
    qtbot.waitUntil(lambda: composer.height() == one)


def test_up_in_an_empty_field_recalls_the_last_message(edit: MessageEdit, desk: StandInDesk) -> None:
    desk.transcript.show([message(1, Role.USER, "one"), message(2, Role.USER, "two"), message(3, Role.ASSISTANT, "x")])
    QTest.keyClick(edit, Key.Key_Up)
    assert edit.text() == "two"
    edit.set_text("mine")
    QTest.keyClick(edit, Key.Key_Up)
    assert edit.text() == "mine"


def test_the_draft_of_the_chat_on_screen_is_shown_and_not_saved_again(edit: MessageEdit, desk: StandInDesk) -> None:
    desk.chats.draft = "half a thou"
    desk.chats.opened.emit()
    assert edit.text() == "half a thou"
    assert desk.asked.named("save_draft") == []
    QTest.keyClicks(edit, "g")
    assert desk.asked.named("save_draft") == [("half a thoug",)]


def test_the_placeholder_names_the_model(edit: MessageEdit, desk: StandInDesk) -> None:
    assert edit.placeholderText() == "Message Llama 3.1 8B"
    desk.models.choose(desk.models.families[1].files[0])
    assert edit.placeholderText() == "Message SmolLM2 135M Instruct"


@pytest.mark.parametrize(
    "text",
    [
        "word " * 200_000,
        "x" * 1_000_000,
        "漢字" * 400_000,
        "a line of text\n" * 70_000,
        "\n\n" + "y" * 5000 + "\n\nz\n",
    ],
    ids=["one line", "no space", "CJK", "lines", "mixed"],
)
def test_a_megabyte_is_kept_exactly_in_short_blocks(edit: MessageEdit, desk: StandInDesk, text: str) -> None:
    paste(edit, text)
    assert edit.text() == text
    block = edit.document().begin()
    while block.isValid():
        assert block.length() <= LONG_LINE + 1
        block = block.next()
    QTest.keyClicks(edit, "!")
    assert edit.text() == text + "!"


def test_a_cut_line_stays_one_line_when_copied_undone_and_typed_into(edit: MessageEdit) -> None:
    line = "0123456789" * 1000
    paste(edit, line)
    edit.selectAll()
    assert edit.createMimeDataFromSelection().text() == line
    edit.undo()
    assert edit.text() == ""
    edit.redo()
    assert edit.text() == line
    QTest.keyClick(edit, Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(edit, "end")
    assert edit.text() == line + "\nend"


def test_a_long_message_goes_out_whole(edit: MessageEdit, desk: StandInDesk) -> None:
    paste(edit, "z" * 100_000)
    QTest.keyClick(edit, Key.Key_Return)
    assert desk.asked.named("send") == [("z" * 100_000,)]


def test_pasted_line_ends_are_made_the_same(edit: MessageEdit) -> None:
    paste(edit, "a\r\nb\rc")
    assert edit.text() == "a\nb\nc"


def test_copying_is_qt_s_own_key(edit: MessageEdit) -> None:
    edit.set_text("abc")
    QTest.keySequence(edit, QKeySequence(QKeySequence.StandardKey.SelectAll))
    assert edit.textCursor().selectedText() == "abc"
