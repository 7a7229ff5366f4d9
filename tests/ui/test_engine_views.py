"""What stands in an empty chat, in the header and in the status line."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QProgressBar, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from stand_in import StandInDesk, message

from llamadesk.core.chat import Role
from llamadesk.state.engine import EngineStatus, Phase
from llamadesk.ui.bug_report import BugReportDialog
from llamadesk.ui.context_meter import Usage
from llamadesk.ui.main_window import MainWindow
from llamadesk.ui.status_line import usage_text

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")  # the offscreen platform cannot


def texts(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def buttons(widget: QWidget) -> set[str]:
    return {button.text() for button in widget.findChildren(QPushButton) if button.isVisible()}


def test_a_greeting_offers_beginnings(window: MainWindow) -> None:
    assert "What would you like" in texts(window.chat.empty)
    card = next(b for b in window.chat.empty.findChildren(QPushButton) if b.text() == "Draft a text")
    card.click()
    assert window.chat.composer.edit.text() == "Write a friendly e-mail that "


def test_a_model_that_loads_shows_how_far_it_is(window: MainWindow, desk: StandInDesk) -> None:
    desk.engine.set_status(EngineStatus(Phase.LOADING, 0.45))
    assert "Loading Llama 3.1 8B" in texts(window.chat.empty)
    for place in (window.chat.empty, window.chat.status):
        bar = place.findChild(QProgressBar)
        assert bar.isVisible() and bar.value() == 45
    next(b for b in window.chat.empty.findChildren(QPushButton) if b.text() == "Cancel loading").click()
    assert desk.asked.named("cancel_load") == [()]
    desk.engine.set_status(EngineStatus(Phase.READY))
    assert not window.chat.status.findChild(QProgressBar).isVisible()


def test_an_engine_that_stopped_says_why_and_can_be_started(window: MainWindow, desk: StandInDesk) -> None:
    desk.engine.set_status(EngineStatus(Phase.STOPPED, reason="There is not enough memory."))
    assert "There is not enough memory." in texts(window.chat.empty)
    assert "Stopped: There is not enough memory." in texts(window.chat.status)
    next(b for b in window.chat.empty.findChildren(QPushButton) if b.text() == "Load the model again").click()
    assert desk.asked.named("reload") == [()]


def test_messages_take_the_place_of_the_greeting(window: MainWindow, desk: StandInDesk) -> None:
    assert window.chat.empty.isVisible() and not window.chat.transcript.isVisible()
    desk.transcript.append(message(1, Role.USER, "Hello"))
    assert not window.chat.empty.isVisible() and window.chat.transcript.isVisible()
    desk.transcript.show([])
    assert window.chat.empty.isVisible()


def test_the_header_names_model_quantization_context_and_processor(window: MainWindow, desk: StandInDesk) -> None:
    assert "Llama 3.1 8B" in texts(window.chat.header)
    assert "Q5_K_M · 8K context · CPU" in texts(window.chat.header)
    desk.engine.set_model(None)
    assert "context" not in texts(window.chat.header)


def test_usage_in_words() -> None:
    assert usage_text(EngineStatus(Phase.READY), Usage()) == ""
    assert usage_text(EngineStatus(Phase.READY), Usage(24, 1000, 0, 4096)) == "1,024 of 4,096 tokens"
    busy = EngineStatus(Phase.GENERATING, tokens_per_second=12.345)
    assert usage_text(busy, Usage(0, 5, 0, 4096)) == "12.3 tokens/s  ·  5 of 4,096 tokens"


def test_a_bug_report_is_copied_and_a_second_is_added_to_it(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = BugReportDialog.show_for(window, "ValueError: one", tmp_path)
    assert BugReportDialog.show_for(window, "ValueError: two", tmp_path) is dialog
    assert not dialog.isModal()
    report = dialog.findChild(QPlainTextEdit)
    assert "one" in report.toPlainText() and "two" in report.toPlainText()
    next(b for b in dialog.findChildren(QPushButton) if b.text() == "Copy report").click()
    assert QGuiApplication.clipboard().text() == report.toPlainText()
    opened: list[str] = []
    monkeypatch.setattr(
        "llamadesk.ui.bug_report.QDesktopServices.openUrl", lambda url: opened.append(url.toLocalFile()) or True
    )
    next(b for b in dialog.findChildren(QPushButton) if b.text() == "Show log folder").click()
    assert opened == [str(tmp_path)]
    dialog.close()
    assert BugReportDialog.show_for(window, "three", tmp_path) is not dialog
