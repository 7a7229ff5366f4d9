"""What a person sees of the model's context: the meter, the options of a chat, the exact prompt, the summary."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from PySide6.QtGui import QAction, QGuiApplication, QTextCursor
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot
from stand_in import StandInDesk, message

from llamadesk.core.chat import ChatOptions, MessageId, Mode, Overflow, Role, Status
from llamadesk.core.protocol import PromptPiece, PromptShown
from llamadesk.core.settings import OVERFLOW
from llamadesk.state.context import ContextUse
from llamadesk.state.engine import EngineStatus, Phase
from llamadesk.ui.context_meter import ContextMeter, Usage, plain_words, short_words, usage_of
from llamadesk.ui.main_window import MainWindow
from llamadesk.ui.prompt_dialog import PromptDialog, counted_words, left_out_words, prompt_text
from llamadesk.ui.summary_dialog import SummaryDialog
from llamadesk.ui.transcript.blocks.chrome import FootWidget
from llamadesk.ui.transcript.pieces import Kind

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

CHAT = [message(1, Role.USER, "Hello"), message(2, Role.ASSISTANT, "Hello to"), message(3, Role.USER, "More")]


def used(window: MainWindow) -> QLabel:
    return next(found for found in window.findChildren(QLabel) if found.accessibleName() == "Context use")


def engine_words(window: MainWindow) -> QLabel:
    return next(found for found in window.findChildren(QLabel) if found.accessibleName() == "Engine status")


# --- the meter -----------------------------------------------------------------------------------------------------


def test_words_for_how_full_it_is() -> None:
    assert short_words(Usage()) == ""
    assert short_words(Usage(40, 1100, 94, 4096)) == "1,234 of 4,096 tokens"
    assert short_words(Usage(40, 3800, 0, 4096)) == "3,840 of 4,096 tokens, nearly full"
    assert short_words(Usage(40, 4100, 0, 4096)) == "4,140 of 4,096 tokens, too long"


def test_plain_words_say_what_fills_it_and_what_happens_then() -> None:
    words = plain_words(Usage(40, 1100, 94, 4096), Overflow.ROLL, forgets=False)
    assert words.startswith("This chat fills 30 % of what the model can keep in mind: 1,234 of 4,096 tokens")
    assert "40 are instructions, 1,100 the chat, 94 your message" in words
    full = Usage(40, 4000, 0, 4096)
    assert "forgets the oldest" in plain_words(full, Overflow.ROLL, forgets=False)
    assert "asks you" in plain_words(full, Overflow.STOP, forgets=False)
    assert "summarised" in plain_words(full, Overflow.SUMMARISE, forgets=False)
    assert "does not see the oldest messages any more" in plain_words(full, Overflow.ROLL, forgets=True)


def test_while_a_reply_is_written_the_engine_counts(desk: StandInDesk) -> None:
    desk.context_state.show(ContextUse(n_system=40, n_history=100, n_draft=60, n_ctx=4096))
    ready = EngineStatus(Phase.READY, n_past=150, n_ctx=4096)
    assert usage_of(ready, desk.context_state) == Usage(40, 100, 60, 4096)
    generating = EngineStatus(Phase.GENERATING, n_past=1000, n_ctx=4096)
    assert usage_of(generating, desk.context_state) == Usage(40, 960, 0, 4096)
    reading = EngineStatus(Phase.READING, n_past=10, n_ctx=4096)
    assert usage_of(reading, desk.context_state) == Usage(40, 100, 60, 4096)
    desk.context_state.show(ContextUse())
    assert usage_of(ready, desk.context_state) == Usage(0, 150, 0, 4096)


def test_the_meter_follows_what_is_typed_and_warns(window: MainWindow, desk: StandInDesk) -> None:
    desk.engine.set_status(EngineStatus(Phase.READY, n_ctx=4096))
    desk.context_state.show(ContextUse(n_system=40, n_history=1100, n_draft=94, n_ctx=4096))
    assert used(window).text() == used(window).accessibleDescription() == "1,234 of 4,096 tokens"
    assert "94 your message" in used(window).toolTip()
    assert used(window).styleSheet() == ""
    desk.context_state.show(ContextUse(n_system=40, n_history=1100, n_draft=3000, n_ctx=4096))
    assert used(window).text() == "4,140 of 4,096 tokens, too long"
    assert window.theme.colours.error in used(window).styleSheet()
    desk.chats.set_options(ChatOptions(overflow=Overflow.STOP))
    assert "asks you" in used(window).toolTip()


def test_what_the_engine_counted_holds_until_the_chat_is_measured_again(window: MainWindow, desk: StandInDesk) -> None:
    desk.context_state.show(ContextUse(n_system=40, n_history=100, n_ctx=4096))
    desk.engine.set_status(EngineStatus(Phase.GENERATING, n_past=300, n_ctx=4096))
    desk.engine.set_status(EngineStatus(Phase.READY, n_past=310, n_ctx=4096))
    assert used(window).text() == "300 of 4,096 tokens"
    desk.context_state.show(ContextUse(n_system=40, n_history=271, n_ctx=4096))
    assert used(window).text() == "311 of 4,096 tokens"


def test_the_setting_counts_where_the_chat_has_no_choice(window: MainWindow, desk: StandInDesk) -> None:
    desk.context_state.show(ContextUse(n_history=4000, n_ctx=4096))
    assert "forgets the oldest" in used(window).toolTip()
    desk.preferences.set(OVERFLOW, Overflow.SUMMARISE.value)
    assert "summarised" in used(window).toolTip()


def test_the_bar_is_not_painted_for_what_nobody_can_see(
    window: MainWindow, desk: StandInDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = window.findChild(ContextMeter)
    assert meter.isVisible()
    desk.engine.set_status(EngineStatus(Phase.GENERATING, n_past=1000, n_ctx=8192))
    painted: list[object] = []
    monkeypatch.setattr(ContextMeter, "update", lambda *_: painted.append(1))
    for n_past in range(1000, 1040):
        desk.engine.set_status(EngineStatus(Phase.GENERATING, n_past=n_past, n_ctx=8192))
    assert len(painted) <= 1
    desk.engine.set_status(EngineStatus(Phase.GENERATING, n_past=5000, n_ctx=8192))
    assert painted


def test_a_narrow_window_shows_whole_figures(make_window: Callable[..., MainWindow], desk: StandInDesk) -> None:
    window = make_window(desk, 380, 600)
    assert not window.findChild(ContextMeter).isVisible()
    desk.context_state.show(ContextUse(n_history=9000, n_ctx=8192))
    words = used(window)
    assert words.text() == "9,000 of 8,192 tokens, too long"
    assert words.mapTo(window, words.rect().bottomRight()).x() < window.width()


def test_the_status_says_that_the_chat_is_summarised(window: MainWindow, desk: StandInDesk) -> None:
    desk.context_state.show(ContextUse(summarising=True))
    assert engine_words(window).text() == "Reading... Summarising the beginning of this chat"
    desk.context_state.show(ContextUse())
    assert engine_words(window).text() == "Ready"


def test_a_narrow_window_has_room_for_these_words(make_window: Callable[..., MainWindow], desk: StandInDesk) -> None:
    window = make_window(desk, 380, 600)
    desk.context_state.show(ContextUse(summarising=True))
    assert not used(window).isVisible()
    desk.context_state.show(ContextUse())
    assert used(window).isVisible()


# --- the options of a chat -----------------------------------------------------------------------------------------


def choices(window: MainWindow) -> dict[str, QAction]:
    return {action.text(): action for action in window.chat.composer._options.make_menu().actions() if action.text()}


def test_the_menu_shows_and_changes_what_a_message_asks_for(window: MainWindow, desk: StandInDesk) -> None:
    assert choices(window)["Chat"].isChecked()
    choices(window)["Continue my text"].trigger()
    assert desk.chats.options == ChatOptions(mode=Mode.TEXT)
    assert window.chat.composer.edit.placeholderText() == "Begin a text; the model goes on with it"
    assert choices(window)["Continue my text"].isChecked() and not choices(window)["Chat"].isChecked()
    choices(window)["Single question"].trigger()
    assert window.chat.composer.edit.placeholderText() == "Ask Llama 3.1 8B a single question"
    assert any(found.text() == "Single question" and found.isVisible() for found in window.findChildren(QLabel))
    choices(window)["Chat"].trigger()
    assert window.chat.composer.edit.placeholderText() == "Message Llama 3.1 8B"
    assert not any(found.text() == "Single question" and found.isVisible() for found in window.findChildren(QLabel))


def test_the_menu_shows_and_changes_what_happens_when_it_is_too_long(window: MainWindow, desk: StandInDesk) -> None:
    desk.chats.set_options(ChatOptions(mode=Mode.QUESTION, summary="Kept.", summarised_to=MessageId(3)))
    assert choices(window)["As in the settings: Forget the oldest"].isChecked()
    choices(window)["Stop and ask me"].trigger()
    chosen = ChatOptions(Mode.QUESTION, Overflow.STOP, "Kept.", MessageId(3))
    assert desk.chats.options == chosen
    assert choices(window)["Stop and ask me"].isChecked()
    choices(window)["As in the settings: Forget the oldest"].trigger()
    assert desk.chats.options == msgspec.structs.replace(chosen, overflow=None)


def test_the_menu_opens_from_the_keyboard(window: MainWindow, desk: StandInDesk, qtbot: QtBot) -> None:
    button = window.chat.composer._options
    assert button.accessibleName() == "Chat options"
    button.click()
    choices(window)["What the model sees…"].trigger()
    assert desk.asked.named("show_prompt") == [()]


# --- what the model sees -------------------------------------------------------------------------------------------

PIECES = [
    PromptPiece("<|im_start|>", True, 1),
    PromptPiece("user\nWhat is <b>this</b>? <img src='file:///etc/passwd'>\x00", False, 20),
    PromptPiece("<|im_end|>", True, 1),
]


def test_the_prompt_is_shown_exactly_and_its_marks_are_tinted(window: MainWindow, desk: StandInDesk) -> None:
    desk.transcript.show(CHAT)
    desk.context.prompt_shown.emit(PromptShown(1, PIECES, [MessageId(1), MessageId(2)]))
    dialog = window.findChild(PromptDialog)
    text = dialog.text.toPlainText()
    assert (
        text
        == "<|im_start|>user\nWhat is <b>this</b>? <img src='file:///etc/passwd'>\N{REPLACEMENT CHARACTER}<|im_end|>"
    )
    cursor = QTextCursor(dialog.text.document())
    tints = []
    for at in (3, 15, len(text) - 3):
        cursor.setPosition(at)
        tints.append(cursor.charFormat().background().color().name())
    assert tints[0] == tints[2] == window.theme.colours.info_surface != tints[1]
    words = "\n".join(found.text() for found in dialog.findChildren(QLabel))
    assert "22 tokens (pieces of words), 2 of them marks." in words
    assert "2 messages are left out, because the chat is too long: you, “Hello”; the model, “Hello to”." in words
    next(found for found in dialog.findChildren(QPushButton) if found.text() == "Copy").click()
    assert QGuiApplication.clipboard().text() == prompt_text(PIECES).replace("\x00", "") or (
        QGuiApplication.clipboard().text() == prompt_text(PIECES)
    )
    dialog.close()


def test_asked_again_the_same_dialog_shows_the_newer_prompt(window: MainWindow, desk: StandInDesk) -> None:
    desk.context.prompt_shown.emit(PromptShown(1, PIECES))
    first = window.findChild(PromptDialog)
    desk.context.prompt_shown.emit(PromptShown(2, PIECES[1:2]))
    assert window.findChildren(PromptDialog) == [first]
    assert first.text.toPlainText().startswith("user\n")
    first.close()


@pytest.mark.parametrize(
    "line", ["x" * 1_000_000, "word " * 200_000, "a line\n" * 150_000], ids=["run", "words", "lines"]
)
def test_a_megabyte_is_shown_and_copied_whole(window: MainWindow, desk: StandInDesk, line: str) -> None:
    desk.context.prompt_shown.emit(PromptShown(1, [PIECES[0], PromptPiece(line, False, 250_000), PIECES[2]]))
    dialog = window.findChild(PromptDialog)
    dialog.text.selectAll()
    assert dialog.text.createMimeDataFromSelection().text() == f"<|im_start|>{line}<|im_end|>"
    dialog.close()


def test_only_some_of_many_left_out_messages_are_named() -> None:
    assert left_out_words([]) == ""
    words = left_out_words([message(number, Role.USER, f"Question {number}") for number in range(10)])
    assert words.startswith("10 messages are left out") and words.endswith("“Question 2”; 7 more.")
    assert left_out_words([message(1, Role.USER, "Hi")]).startswith("1 message is left out")
    assert counted_words([PromptPiece("a", False, 1200)]) == "1,200 tokens (pieces of words), 0 of them marks."


# --- the transcript's part -----------------------------------------------------------------------------------------


def test_where_the_memory_begins_is_shown_and_its_summary_edited(window: MainWindow, desk: StandInDesk) -> None:
    desk.transcript.show(CHAT)
    desk.context_state.show(ContextUse(n_ctx=4096, first_seen=MessageId(3), summary="They said hello."))
    view = window.chat.transcript
    assert [item.row for item in view.area.strip.band.items if item.piece.kind is Kind.MEMORY] == [2]
    view.area.summary_edit_asked.emit()
    dialog = window.findChild(SummaryDialog)
    assert dialog.edit.toPlainText() == "They said hello."
    dialog.edit.setPlainText(" They greeted each other. ")
    next(found for found in dialog.findChildren(QPushButton) if found.text() == "Save").click()
    assert desk.asked.named("set_summary") == [("They greeted each other.",)]


def test_a_cancelled_edit_changes_nothing(window: MainWindow, desk: StandInDesk) -> None:
    desk.transcript.show(CHAT)
    window.chat.transcript.area.summary_edit_asked.emit()
    dialog = window.findChild(SummaryDialog)
    dialog.edit.setPlainText("Other")
    next(found for found in dialog.findChildren(QPushButton) if found.text() == "Cancel").click()
    assert desk.asked.named("set_summary") == []


def foot(window: MainWindow, row: int) -> FootWidget:
    items = window.chat.transcript.area.strip.band.items
    return next(item.widget for item in items if item.row == row and isinstance(item.widget, FootWidget))


def test_a_pin_is_passed_on(window: MainWindow, desk: StandInDesk) -> None:
    desk.transcript.show(CHAT)
    foot(window, 1).pin_button.click()
    assert desk.asked.named("set_pinned") == [(2, True)]


def test_only_a_last_reply_that_was_cut_short_can_be_continued(window: MainWindow, desk: StandInDesk) -> None:
    cut = message(2, Role.ASSISTANT, "Hello to", Status.CUT_OFF)
    desk.transcript.show([CHAT[0], cut])
    assert foot(window, 1).continue_button.isVisible()
    foot(window, 1).continue_button.click()
    assert desk.asked.named("continue_reply") == [()]
    desk.replies.be_busy(True)
    assert not foot(window, 1).continue_button.isVisible()
    desk.replies.be_busy(False)
    assert foot(window, 1).continue_button.isVisible()
    desk.transcript.append(CHAT[2])
    assert not foot(window, 1).continue_button.isVisible()


def test_another_chat_brings_its_own_options(window: MainWindow, desk: StandInDesk) -> None:
    desk.chats.options = ChatOptions(mode=Mode.TEXT, overflow=Overflow.STOP)
    desk.context_state.show(ContextUse(n_history=4000, n_ctx=4096))
    desk.chats.opened.emit()
    assert window.chat.composer.edit.placeholderText() == "Begin a text; the model goes on with it"
    assert "asks you" in used(window).toolTip()
