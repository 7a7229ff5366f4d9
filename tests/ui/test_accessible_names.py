"""The names and roles that screen readers, and tests from outside, go by."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLabel, QWidget
from pytestqt.qtbot import QtBot
from stand_in import StandInDesk, conversation, message

from llamadesk.core.chat import ConversationId, Role
from llamadesk.core.settings import PANE_SHOWN
from llamadesk.state.engine import EngineStatus, Phase
from llamadesk.ui.main_window import MainWindow

A = QAccessible.Role


def tree(widget: QWidget) -> list[QAccessibleInterface]:
    """Everything below `widget` that a screen reader sees."""
    found = []
    waiting = [QAccessible.queryAccessibleInterface(widget)]
    while waiting:
        interface = waiting.pop()
        if interface is None or not interface.isValid() or interface.state().invisible:
            continue
        found.append(interface)
        waiting += [interface.child(i) for i in range(interface.childCount())]
    return found


def named(window: MainWindow, role: QAccessible.Role, name: str) -> QAccessibleInterface:
    matches = [i for i in tree(window) if i.role() == role and i.text(QAccessible.Text.Name) == name]
    assert len(matches) == 1, [(i.role(), i.text(QAccessible.Text.Name)) for i in tree(window)]
    return matches[0]


@pytest.mark.parametrize(
    ("role", "name"),
    [
        (A.EditableText, "Message"),
        (A.PushButton, "Send"),
        (A.PushButton, "New chat"),
        (A.PushButton, "Attach"),
        (A.PushButton, "Chat options"),
        (A.StaticText, "Context use"),
        (A.List, "Conversations"),
        (A.EditableText, "Search chats"),
        (A.Slider, "GPU layers"),
        (A.Slider, "Context length"),
        (A.Slider, "Temperature"),
        (A.EditableText, "System prompt"),
        (A.StaticText, "Engine status"),
    ],
)
def test_contract(window: MainWindow, desk: StandInDesk, role: QAccessible.Role, name: str) -> None:
    desk.conversations.show([conversation(1, "One", 1)])
    desk.preferences.set(PANE_SHOWN, True)
    named(window, role, name)


def test_stop_replaces_send_while_a_reply_is_under_way(window: MainWindow, desk: StandInDesk, qtbot: QtBot) -> None:
    desk.replies.be_busy(True)
    stop = named(window, A.PushButton, "Stop generating")
    assert not [i for i in tree(window) if i.text(QAccessible.Text.Name) == "Send"]
    stop.actionInterface().doAction("Press")
    qtbot.waitUntil(lambda: desk.asked.named("stop") == [()])  # Qt shows the press for a moment


def test_the_transcript_is_a_named_panel(window: MainWindow, desk: StandInDesk) -> None:
    desk.transcript.show([message(1, Role.USER, "Hello"), message(2, Role.ASSISTANT, "Hello to you")])
    assert [i for i in tree(window) if i.text(QAccessible.Text.Name) == "Transcript"]


@pytest.mark.parametrize("name", ["Model", "Quantization"])
def test_combo_boxes_have_a_label_as_buddy(window: MainWindow, desk: StandInDesk, name: str) -> None:
    desk.preferences.set(PANE_SHOWN, True)
    buddies = [label.buddy() for label in window.findChildren(QLabel) if label.text() == name and label.buddy()]
    assert [type(buddy).__mro__[1] for buddy in buddies] == [QComboBox]
    labelled = QAccessible.queryAccessibleInterface(buddies[0]).relations()
    assert any(flag & QAccessible.RelationFlag.Label for _, flag in labelled)


def test_the_status_tells_its_words_as_description(window: MainWindow, desk: StandInDesk) -> None:
    label = named(window, A.StaticText, "Engine status")
    for status in (
        EngineStatus(Phase.LOADING, 0.3),
        EngineStatus(Phase.READY, n_ctx=4096),
        EngineStatus(Phase.READING, 0.5),
        EngineStatus(Phase.GENERATING, tokens_per_second=9),
        EngineStatus(Phase.STOPPED, reason="The model file is damaged."),
        EngineStatus(Phase.NO_MODEL),
    ):
        desk.engine.set_status(status)
        assert label.text(QAccessible.Text.Description) == status.text
        assert isinstance(label.object(), QLabel) and label.object().text() == status.text


def test_chats_are_read_by_their_titles(window: MainWindow, desk: StandInDesk) -> None:
    desk.conversations.show([conversation(1, "First", 2), conversation(2, "Second", 1)])
    chats = named(window, A.List, "Conversations")
    assert [chats.child(i).text(QAccessible.Text.Name) for i in range(chats.childCount())] == ["First", "Second"]


def test_a_chat_is_opened_by_a_screen_reader_s_selection(window: MainWindow, desk: StandInDesk) -> None:
    desk.conversations.show([conversation(1, "First", 2), conversation(2, "Second", 1)])
    desk.conversations.set_current(ConversationId(1))
    chats = named(window, A.List, "Conversations")
    chats.selectionInterface().select(chats.child(1))
    assert desk.asked.named("open") == [(2,)]


def test_a_slider_moved_by_a_screen_reader_counts(window: MainWindow, desk: StandInDesk) -> None:
    desk.preferences.set(PANE_SHOWN, True)
    named(window, A.Slider, "Context length").valueInterface().setCurrentValue(2048)
    assert desk.asked.named("set")[-1] == ("model.context_length", 2048)


def test_every_button_has_a_name_and_every_icon_a_tool_tip(window: MainWindow, desk: StandInDesk) -> None:
    desk.preferences.set(PANE_SHOWN, True)
    for button in window.findChildren(QAbstractButton):
        if button.parent() is not None and button.parent().metaObject().className() == "QLineEdit":
            continue  # Qt's own clear button, which is inside the field it clears
        interface = QAccessible.queryAccessibleInterface(button)
        assert interface.text(QAccessible.Text.Name), button
        if not button.text():
            assert button.toolTip(), interface.text(QAccessible.Text.Name)


def test_tab_leads_from_the_sidebar_to_the_message_and_back(window: MainWindow) -> None:
    order = []
    widget = window.sidebar._new_chat
    first: QWidget = widget
    step: QWidget = widget.nextInFocusChain()
    while step is not first:
        if step.isVisible() and step.accessibleName():
            order.append(step.accessibleName())
        step = step.nextInFocusChain()
    assert order.index("Search chats") < order.index("Message") < order.index("Attach") < order.index("Send")
