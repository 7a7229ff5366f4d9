"""Notices: shown above the composer, never in the way, read out loud."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QLabel, QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot
from stand_in import StandInDesk

from llamadesk.control.notices import NoticeKind
from llamadesk.ui import notice_card
from llamadesk.ui.main_window import MainWindow


def test_a_notice_is_shown_and_closed(window: MainWindow, desk: StandInDesk) -> None:
    desk.notices.post(NoticeKind.ERROR, "The model file is damaged. Download it again.")
    (card,) = window.chat.notices.cards
    assert card.isVisible() and window.chat.notices.isVisible()
    assert any(label.text() == "The model file is damaged. Download it again." for label in card.findChildren(QLabel))
    (close,) = (b for b in card.findChildren(QPushButton) if b.accessibleName() == "Close notice")
    close.click()
    assert window.chat.notices.cards == ()
    assert not window.chat.notices.isVisible()


def test_one_that_came_before_the_window_is_not_lost(make_window: Callable[..., MainWindow], desk: StandInDesk) -> None:
    desk.notices.post(NoticeKind.WARNING, "Early")
    assert [card.notice.text for card in make_window(desk).chat.notices.cards] == ["Early"]


def test_its_button_does_what_it_says_once(window: MainWindow, desk: StandInDesk) -> None:
    done = []
    desk.notices.post(NoticeKind.INFO, "Deleted.", action_label="Undo", action=lambda: done.append(1))
    (card,) = window.chat.notices.cards
    (undo,) = (b for b in card.findChildren(QPushButton) if b.text() == "Undo")
    undo.click()
    assert done == [1]
    assert window.chat.notices.cards == ()


def test_details_are_folded_until_asked_for(window: MainWindow, desk: StandInDesk) -> None:
    desk.notices.post(NoticeKind.ERROR, "It failed.", detail="signal 11")
    (card,) = window.chat.notices.cards
    details = card.findChild(QPlainTextEdit)
    assert not details.isVisible()
    (button,) = (b for b in card.findChildren(QPushButton) if b.text() == "Details")
    button.click()
    assert details.isVisible() and details.toPlainText() == "signal 11"


def test_the_same_words_are_shown_once_and_only_three_notices_at_a_time(window: MainWindow, desk: StandInDesk) -> None:
    for text in ("a", "b", "a", "c", "d"):
        desk.notices.post(NoticeKind.WARNING, text)
    assert [card.notice.text for card in window.chat.notices.cards] == ["a", "c", "d"]


def test_information_goes_by_itself_and_an_error_stays(
    window: MainWindow, desk: StandInDesk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice_card, "_INFO_STAYS_MS", 30)
    desk.notices.post(NoticeKind.ERROR, "stays")
    desk.notices.post(NoticeKind.INFO, "goes")
    assert len(window.chat.notices.cards) == 2
    qtbot.waitUntil(lambda: [card.notice.text for card in window.chat.notices.cards] == ["stays"])


def test_information_stays_while_its_button_has_the_focus(
    window: MainWindow, desk: StandInDesk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice_card, "_INFO_STAYS_MS", 30)
    desk.notices.post(NoticeKind.INFO, "Deleted.", action_label="Undo", action=lambda: None)
    (card,) = window.chat.notices.cards
    next(b for b in card.findChildren(QPushButton) if b.text() == "Undo").setFocus()
    qtbot.wait(150)
    assert window.chat.notices.cards == (card,)
    window.chat.composer.edit.setFocus()
    qtbot.waitUntil(lambda: window.chat.notices.cards == ())


def test_it_takes_no_focus_and_has_a_name(window: MainWindow, desk: StandInDesk) -> None:
    focus = QApplication.focusWidget()
    desk.notices.post(NoticeKind.ERROR, "It failed.")
    assert QApplication.focusWidget() is focus
    (card,) = window.chat.notices.cards
    assert QAccessible.queryAccessibleInterface(card).text(QAccessible.Text.Name) == "Error: It failed."


def test_a_long_text_wraps_in_a_narrow_window(make_window: Callable[..., MainWindow], desk: StandInDesk) -> None:
    window = make_window(desk, 380, 700)
    desk.notices.post(NoticeKind.ERROR, "word " * 80, detail="x", action_label="Try again", action=lambda: None)
    QApplication.processEvents()
    (card,) = window.chat.notices.cards
    assert window.width() == 380
    assert card.width() <= 380
    assert card.height() > 120
