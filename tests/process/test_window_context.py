"""What the window shows of the model's memory, with the real engine and a real chat that gets too long for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel

from llamadesk.core.chat import ChatOptions, Overflow, Status
from llamadesk.core.settings import CONTEXT_LENGTH, MAX_TOKENS
from llamadesk.ui.prompt_dialog import PromptDialog
from llamadesk.ui.transcript.blocks.chrome import FootWidget
from llamadesk.ui.transcript.pieces import Kind
from tests.process.window_driver import MakeWindowDriver, WindowDriver

_N_CTX = 512
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def used(window: WindowDriver) -> str:
    return next(found.text() for found in window.window.findChildren(QLabel) if found.accessibleName() == "Context use")


def ask(window: WindowDriver, question: str) -> None:
    n_before = len(window.messages)
    window.window.chat.composer.edit.insert_text(question)
    window.press_enter()
    window.driver.until(lambda: len(window.messages) == n_before + 2 and not window.desk.replies.busy, 60)


def lines(window: WindowDriver) -> list[int]:
    """The rows above which the transcript says that the memory begins, as far as they are realised."""
    items = window.window.chat.transcript.area.strip.band.items
    return [item.row for item in items if item.piece.kind is Kind.MEMORY]


def test_the_meter_the_prompt_and_the_line_tell_the_truth(tmp_path: Path, make_window_driver: MakeWindowDriver) -> None:
    window = make_window_driver(tmp_path / "data")
    window.open()
    desk, driver = window.desk, window.driver
    desk.preferences.set(MAX_TOKENS, 4)
    desk.preferences.set(CONTEXT_LENGTH, _N_CTX)
    driver.until(lambda: desk.engine.model is not None and desk.engine.model.n_ctx == _N_CTX, 60)
    desk.chats.set_options(ChatOptions(overflow=Overflow.ROLL))
    ask(window, "My name is Ada.")
    desk.chats.set_pinned(window.messages[0].id, True)
    driver.until(lambda: window.messages[0].pinned)

    driver.until(lambda: desk.context_state.n_history)
    history = desk.context_state.n_history
    assert used(window).endswith(f" of {_N_CTX} tokens")
    window.type("What is a llama?")
    driver.until(lambda: desk.context_state.n_draft)
    state = desk.context_state
    assert state.n_draft < history == state.n_history
    assert f"{state.n_system + state.n_history + state.n_draft} of {_N_CTX} tokens" in used(window)

    desk.context.show_prompt()
    driver.until(lambda: window.window.findChildren(PromptDialog))
    dialog = window.window.findChild(PromptDialog)
    text = dialog.text.toPlainText()
    assert text.index("<|im_start|>") < text.index("My name is Ada.") < text.index("What is a llama?")
    dialog.close()
    window.window.chat.composer.edit.set_text("")

    assert lines(window) == []
    for number in range(3):
        ask(window, f"Part {number}: " + "the llama walks over the mountain, " * 20)
    driver.until(lambda: desk.context_state.dropped)
    driver.until(lambda: lines(window))
    first_seen = desk.context_state.first_seen
    assert [window.messages[row].id for row in lines(window)] == [first_seen]
    assert window.messages[0].id not in desk.context_state.dropped
    window.check_alive()


def test_a_reply_that_reached_the_limit_goes_on(tmp_path: Path, make_window_driver: MakeWindowDriver) -> None:
    window = make_window_driver(tmp_path / "data")
    window.open()
    window.desk.preferences.set(MAX_TOKENS, 8)
    ask(window, "Tell me a very long story about a llama, in many chapters.")
    cut = window.messages[-1]
    assert cut.status is Status.CUT_OFF
    items = window.window.chat.transcript.area.strip.band.items
    (foot,) = (item.widget for item in items if item.row == 1 and isinstance(item.widget, FootWidget))
    assert isinstance(foot, FootWidget)
    window.driver.until(foot.continue_button.isVisible)
    foot.continue_button.click()
    window.driver.until(
        lambda: not window.desk.replies.busy and len(window.messages[-1].content) > len(cut.content), 60
    )
    whole = window.messages[-1]
    assert len(window.messages) == 2
    assert whole.content.startswith(cut.content)
    window.driver.until(lambda: window.shown_has(whole.content))
    window.check_alive()
