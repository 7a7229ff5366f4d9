"""What the transcript shows of the model's own view of a chat: where its memory begins, pins, thoughts, Continue."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from llamadesk.core.chat import ConversationId, Message, MessageId, ReplyStats, Role, Status, Timestamp
from llamadesk.core.settings import Theme
from llamadesk.state.transcript import MessageListModel
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.transcript.asides import thought_words
from llamadesk.ui.transcript.blocks.chrome import FootWidget
from llamadesk.ui.transcript.blocks.folds import MemoryWidget, ThoughtWidget
from llamadesk.ui.transcript.fitting import Item
from llamadesk.ui.transcript.memory import Memory
from llamadesk.ui.transcript.pieces import Kind, is_aside
from llamadesk.ui.transcript.selection import Position
from llamadesk.ui.transcript.view import TranscriptView

pytestmark = [
    pytest.mark.allow_log("no font on this machine has"),
    pytest.mark.qt_log_ignore("This plugin does not support"),
]


def message(number: int, text: str, **facts: object) -> Message:
    role = Role.ASSISTANT if number % 2 else Role.USER
    plain = Message(
        MessageId(number), ConversationId(1), None, role, text, Status.COMPLETE, Timestamp(0), "Model" * (number % 2)
    )
    return msgspec.structs.replace(plain, **facts)


View = Callable[[list[Message]], TranscriptView]


@pytest.fixture
def view(qtbot: QtBot, qapp: QApplication) -> View:
    theme = ThemeManager()
    theme.set_theme(Theme.LIGHT)

    def make(messages: list[Message]) -> TranscriptView:
        model = MessageListModel()
        shown = TranscriptView(model, theme)
        model.setParent(shown)
        theme.setParent(shown)
        qtbot.addWidget(shown)
        shown.resize(900, 700)
        shown.show()
        qtbot.waitExposed(shown)
        model.show(messages)
        return shown

    return make


def model_of(view: TranscriptView) -> MessageListModel:
    model = view.findChild(MessageListModel)
    assert model is not None
    return model


def items(view: TranscriptView, row: int, *kinds: Kind) -> list[Item]:
    return [item for item in view.area.strip.band.items if item.row == row and item.piece.kind in kinds]


def thought_texts(view: TranscriptView, row: int) -> list[Item]:
    return [item for item in items(view, row, Kind.TEXT, Kind.CODE) if is_aside(item.piece.key)]


def check_no_holes(view: TranscriptView) -> None:
    for above, below in pairwise(view.area.strip.band.items):
        assert above.bottom == below.y
        assert (above.row, above.piece.key) < (below.row, below.piece.key)
        assert below.piece.index == (above.piece.index + 1 if above.row == below.row else 0)


def foot(view: TranscriptView, row: int) -> FootWidget:
    widget = items(view, row, Kind.FOOT)[0].widget
    assert isinstance(widget, FootWidget)
    return widget


CHAT = [message(number, f"Message {number}.") for number in range(6)]

# --- where the memory begins ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [2, 3], ids=["a question", "a reply"])
def test_the_line_stands_above_the_first_message_that_is_seen(view: View, first: int) -> None:
    shown = view(CHAT)
    shown.set_memory(Memory(MessageId(first)))
    check_no_holes(shown)
    lines = [item for item in shown.area.strip.band.items if item.piece.kind is Kind.MEMORY]
    assert [(item.row, item.piece.index) for item in lines] == [(first, 0)]
    assert lines[0].widget.accessibleName().startswith("The model's memory begins here")
    shown.set_memory(Memory(MessageId(first + 2)))
    check_no_holes(shown)
    assert [item.row for item in shown.area.strip.band.items if item.piece.kind is Kind.MEMORY] == [first + 2]
    shown.set_memory(Memory())
    check_no_holes(shown)
    assert not [item for item in shown.area.strip.band.items if item.piece.kind is Kind.MEMORY]


def test_messages_that_are_not_seen_are_dimmed_but_for_pinned_ones(view: View) -> None:
    chat = [*CHAT[:1], msgspec.structs.replace(CHAT[1], pinned=True), *CHAT[2:]]
    shown = view(chat)
    shown.set_memory(Memory(MessageId(3), dropped=frozenset({MessageId(0), MessageId(2)})))
    faded = {
        item.row for item in shown.area.strip.band.items if item.widget.look is not None and item.widget.look.faded
    }
    assert faded == {0, 2}
    shown.set_memory(Memory())
    assert not any(item.widget.look.faded for item in shown.area.strip.band.items if item.widget.look is not None)


def test_the_line_is_there_in_a_long_chat_that_is_scrolled_to_it(view: View, qapp: QApplication) -> None:
    shown = view([message(number, f"Message {number}. " + "word " * 200) for number in range(200)])
    shown.set_memory(Memory(MessageId(41)))
    shown.area.strip.jump_to(0)
    while not any(item.piece.kind is Kind.MEMORY for item in shown.area.strip.band.items):
        assert not shown.area.strip.at_end
        shown.area.strip.scroll_by(300)
        check_no_holes(shown)


def test_the_memory_may_begin_with_a_message_that_is_not_there_yet(view: View) -> None:
    shown = view(CHAT)
    shown.set_memory(Memory(MessageId(6), dropped=frozenset(MessageId(number) for number in range(6))))
    assert not [item for item in shown.area.strip.band.items if item.piece.kind is Kind.MEMORY]
    model_of(shown).append(message(6, "A question by itself"))
    assert [item.row for item in shown.area.strip.band.items if item.piece.kind is Kind.MEMORY] == [6]
    check_no_holes(shown)


def test_another_chat_has_no_line(view: View) -> None:
    shown = view(CHAT)
    shown.set_memory(Memory(MessageId(2), dropped=frozenset({MessageId(0), MessageId(1)})))
    model_of(shown).show([message(number, "Other") for number in range(10, 14)])
    assert not [item for item in shown.area.strip.band.items if item.piece.kind is Kind.MEMORY]
    assert not any(item.widget.look.faded for item in shown.area.strip.band.items if item.widget.look is not None)


def test_a_summary_unfolds_below_the_line_and_can_be_edited(view: View, qtbot: QtBot) -> None:
    shown = view(CHAT)
    shown.set_memory(Memory(MessageId(2), summary="They spoke of <b>llamas</b>."))
    line = items(shown, 2, Kind.MEMORY)[0].widget
    assert isinstance(line, MemoryWidget)
    assert thought_texts(shown, 2) == []
    QTest.mouseClick(line.fold_button, Qt.MouseButton.LeftButton)
    check_no_holes(shown)
    assert [item.widget.accessibleName() for item in thought_texts(shown, 2)] == ["They spoke of <b>llamas</b>."]
    with qtbot.waitSignal(shown.area.summary_edit_asked):
        QTest.mouseClick(line.edit_button, Qt.MouseButton.LeftButton)
    shown.set_memory(Memory(MessageId(2), summary="Better words."))
    assert [item.widget.accessibleName() for item in thought_texts(shown, 2)] == ["Better words."]
    QTest.mouseClick(line.fold_button, Qt.MouseButton.LeftButton)
    check_no_holes(shown)
    assert thought_texts(shown, 2) == []


def test_without_a_summary_the_line_has_no_buttons(view: View) -> None:
    shown = view(CHAT)
    shown.set_memory(Memory(MessageId(2)))
    line = items(shown, 2, Kind.MEMORY)[0].widget
    assert isinstance(line, MemoryWidget)
    assert line.fold_button.isHidden() and line.edit_button.isHidden()


# --- pins ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [4, 5], ids=["a question", "a reply"])
def test_a_message_is_pinned_and_unpinned(view: View, qtbot: QtBot, row: int) -> None:
    shown = view(CHAT)
    button = foot(shown, row).pin_button
    assert (button.accessibleName(), button.toolTip()[:31]) == ("Pin message", "The model keeps this in mind ev")
    with qtbot.waitSignal(shown.area.pin_asked) as asked:
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert asked.args == [row, True]
    model_of(shown).replace(msgspec.structs.replace(CHAT[row], pinned=True))
    assert button.accessibleName() == "Unpin message" and button.revealed
    assert "Pinned" in foot(shown, row).accessibleName()
    with qtbot.waitSignal(shown.area.pin_asked) as asked:
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert asked.args == [row, False]


def test_the_pin_of_a_pinned_message_shows_without_the_mouse(view: View) -> None:
    shown = view([msgspec.structs.replace(CHAT[0], pinned=True), *CHAT[1:]])
    assert foot(shown, 0).pin_button.revealed
    assert not foot(shown, 1).pin_button.revealed


# --- Continue ------------------------------------------------------------------------------------------------------


def test_continue_is_offered_for_one_reply_only(view: View, qtbot: QtBot) -> None:
    shown = view([*CHAT[:5], message(5, "Cut", status=Status.CUT_OFF)])
    assert foot(shown, 5).continue_button.isHidden()
    shown.set_continuable(MessageId(5))
    button = foot(shown, 5).continue_button
    assert button.isVisible() and foot(shown, 3).continue_button.isHidden()
    assert button.geometry().right() <= foot(shown, 5).width()
    with qtbot.waitSignal(shown.area.continue_asked):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    shown.set_continuable(None)
    assert foot(shown, 5).continue_button.isHidden()


def test_continue_stands_below_the_words_where_it_is_narrow(view: View) -> None:
    shown = view([*CHAT[:5], message(5, "Cut", status=Status.INTERRUPTED)])
    shown.resize(340, 600)
    shown.set_continuable(MessageId(5))
    widget = foot(shown, 5)
    assert widget.continue_button.y() >= widget.copy_button.geometry().bottom()
    assert widget.rect().contains(widget.continue_button.geometry().adjusted(8, 0, 0, 0))
    check_no_holes(shown)


def test_a_long_reply_that_goes_on_stays_whole_on_the_screen(view: View) -> None:
    paragraphs = [f"Paragraph {number}. " + "word " * 30 for number in range(80)]
    cut = message(1, "\n\n".join(paragraphs), status=Status.CUT_OFF)
    shown = view([message(0, "Go"), cut])
    shown.resize(900, 6000)
    model = model_of(shown)
    model.replace(msgspec.structs.replace(cut, status=Status.STREAMING))
    model.append_text(MessageId(1), "\n\nThe end.")
    check_no_holes(shown)
    text = "\n\n".join(item.piece.block.plain_text for item in items(shown, 1, Kind.TEXT) if item.piece.block)
    assert text.split("\n\n")[-2:] == [paragraphs[-1].strip(), "The end."]
    assert paragraphs[0].strip() in text


# --- thoughts ------------------------------------------------------------------------------------------------------


def test_how_long_a_thought_took_in_words() -> None:
    stats = ReplyStats(n_generated=100, n_thought=60, decode_seconds=20)
    assert thought_words(message(1, "", status=Status.STREAMING), answered=False) == "Thinking..."
    assert thought_words(message(1, "x", status=Status.STREAMING), answered=True) == "Thought"
    assert thought_words(message(1, "x", stats=stats), answered=True) == "Thought for 12 s"
    long = msgspec.structs.replace(stats, decode_seconds=120)
    assert thought_words(message(1, "x", stats=long), answered=True) == "Thought for 1 min 12 s"
    assert thought_words(message(1, "x"), answered=True) == "Thought"


def test_a_thought_is_folded_away_until_it_is_asked_for(view: View) -> None:
    shown = view([message(0, "Why?"), message(1, "Because.", thought="Let me see.\n\n**Hm** `x` <i>.")])
    line = items(shown, 1, Kind.THOUGHT)[0].widget
    assert isinstance(line, ThoughtWidget)
    assert line.button.accessibleName() == "Thought"
    assert thought_texts(shown, 1) == []
    QTest.mouseClick(line.button, Qt.MouseButton.LeftButton)
    check_no_holes(shown)
    texts = [item.widget.accessibleName() for item in thought_texts(shown, 1)]
    assert texts == ["Let me see.\n\n**Hm** `x` <i>."]  # plain: neither Markdown nor HTML
    assert all(item.widget.look is not None and not item.widget.look.faded for item in thought_texts(shown, 1))
    QTest.mouseClick(line.button, Qt.MouseButton.LeftButton)
    assert thought_texts(shown, 1) == []


def test_a_message_without_a_thought_has_no_line_for_it(view: View) -> None:
    assert items(view(CHAT), 1, Kind.THOUGHT) == []


def test_a_thought_streams_while_it_is_folded_and_while_it_is_not(view: View) -> None:
    streaming = message(1, "", status=Status.STREAMING)
    shown = view([message(0, "Why?"), streaming])
    model = model_of(shown)
    model.append_thought(MessageId(1), "First. ")
    line = items(shown, 1, Kind.THOUGHT)[0].widget
    assert isinstance(line, ThoughtWidget)
    assert line.button.accessibleName() == "Thinking..."
    QTest.mouseClick(line.button, Qt.MouseButton.LeftButton)
    words = ["First. "]
    for number in range(600):
        words.append(f"Word {number}." + ("\n\n" if number % 10 == 9 else " "))
        model.append_thought(MessageId(1), words[-1])
    check_no_holes(shown)
    model.append_text(MessageId(1), "So.")
    assert line.button.accessibleName() == "Thought"
    stats = ReplyStats(n_generated=10, n_thought=5, decode_seconds=10)
    whole = msgspec.structs.replace(model.message(1), status=Status.COMPLETE, stats=stats)
    assert (whole.thought, whole.content) == ("".join(words), "So.")
    model.replace(whole)
    assert line.button.accessibleName() == "Thought for 5 s"
    document = shown._documents.get(1)
    pieces = [piece for piece in document.pieces if is_aside(piece.key) and piece.block is not None]
    assert len(pieces) > 3
    shown_text = " ".join(" ".join(piece.block.plain_text for piece in pieces if piece.block).split())
    assert shown_text == " ".join(whole.thought.split())


def test_only_the_end_of_a_long_thought_is_laid_out_again(view: View) -> None:
    shown = view([message(0, "Why?"), message(1, "", status=Status.STREAMING, thought="A line of thought.\n\n" * 1000)])
    document = shown._documents.get(1)
    document.set_open(Kind.THOUGHT, True)
    edit = document.append_thought("And more.")
    assert len(edit.pieces) <= 2 < len(document.pieces) / 4


def test_copying_a_message_copies_the_answer_without_the_thought(view: View) -> None:
    shown = view([message(0, "Why?"), message(1, "Because.", thought="Let me see.")])
    line = items(shown, 1, Kind.THOUGHT)[0].widget
    assert isinstance(line, ThoughtWidget)
    line.button.click()
    foot(shown, 1).copy_button.click()
    assert QGuiApplication.clipboard().text() == "Because."
    shown.picker.select_all()
    assert shown.picker.selection.text() == "Why?\n\nBecause."
    assert thought_texts(shown, 1)[0].widget.selected is None


def test_a_thought_can_be_selected_by_itself(view: View) -> None:
    shown = view([message(0, "Why?"), message(1, "Because.", thought="Let me see.")])
    shown.area.strip.edited(1, shown._documents.toggle(1, Kind.THOUGHT))
    piece = thought_texts(shown, 1)[0].piece
    selection = shown.picker.selection
    selection.start(Position(1, piece.key, 4), Position(1, piece.key, 10))
    assert selection.within(1, piece) == (4, 10)
    assert selection.text() == "me see"
    answer = items(shown, 1, Kind.TEXT)[-1].piece
    selection.drag_to(Position(1, answer.key, 4))
    assert selection.text() == "me see.\n\nBeca"


def test_a_thought_stays_unfolded_when_it_was_out_of_sight(view: View, qapp: QApplication) -> None:
    chat = [message(number, "word " * 300, thought="Hm." if number % 2 else "") for number in range(120)]
    shown = view(chat)
    shown.area.strip.edited(119, shown._documents.toggle(119, Kind.THOUGHT))
    shown.area.strip.jump_to(0)
    for _ in range(60):
        qapp.processEvents()
    shown._documents.forget_far({0}, set())
    assert shown._documents.peek(119) is None
    shown.area.strip.to_end()
    assert shown._documents.get(119).is_open(Kind.THOUGHT)
    check_no_holes(shown)
