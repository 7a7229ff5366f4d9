"""The objects that views follow: what they hold and what they announce."""

from __future__ import annotations

import datetime
import random

import msgspec
import pytest
from PySide6.QtTest import QAbstractItemModelTester

from llamadesk.core.chat import Conversation, ConversationId, Message, MessageId, Role, SearchHit, Status, Timestamp
from llamadesk.core.protocol import Device, DeviceKind
from llamadesk.core.settings import SETTINGS, TEMPERATURE, THEME, TOP_K
from llamadesk.state.conversations import ConversationListModel, date_group
from llamadesk.state.engine import EngineState, EngineStatus, Phase
from llamadesk.state.settings import SettingValues
from llamadesk.state.transcript import MessageListModel

TODAY = datetime.date(2026, 3, 29)  # the night before, clocks went forward in much of Europe


def at(day: datetime.date, hour: int = 12) -> Timestamp:
    return Timestamp(int(datetime.datetime(day.year, day.month, day.day, hour).timestamp() * 1000))


def chat(number: int, when: Timestamp, title: str = "") -> Conversation:
    return Conversation(ConversationId(number), title or f"chat {number}", when, when)


def message(number: int, content: str = "", status: Status = Status.COMPLETE) -> Message:
    return Message(
        MessageId(number), ConversationId(1), None, Role.ASSISTANT, content, status, Timestamp(number), "a model"
    )


@pytest.mark.parametrize(
    ("days", "group"),
    [
        (0, "Today"),
        (-3, "Today"),
        (1, "Yesterday"),
        (2, "Previous 7 days"),
        (7, "Previous 7 days"),
        (8, "Previous 30 days"),
    ],
)
def test_date_groups(days: int, group: str) -> None:
    assert date_group(at(TODAY - datetime.timedelta(days)), TODAY) == group


def test_older_chats_stand_under_their_month_then_their_year() -> None:
    assert date_group(at(datetime.date(2026, 1, 5)), TODAY) == "January 2026"
    assert date_group(at(datetime.date(2024, 1, 5)), TODAY) == "2024"


def test_chats_are_listed_newest_first_whatever_is_put_or_removed() -> None:
    model = ConversationListModel(lambda: TODAY)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    source = random.Random(7)
    expected: dict[int, Conversation] = {}
    for _ in range(400):
        number = source.randrange(30)
        if source.random() < 0.25:
            model.remove(ConversationId(number))
            expected.pop(number, None)
        else:
            expected[number] = chat(number, Timestamp(source.randrange(1000)), f"title {source.random()}")
            model.put(expected[number])
        listed = [model.conversation(row) for row in range(model.rowCount())]
        assert listed == sorted(expected.values(), key=lambda c: (-c.updated_at, -c.id))
    assert tester


def test_a_search_shows_its_hits_and_its_end_all_chats() -> None:
    model = ConversationListModel(lambda: TODAY)
    first, second = chat(1, at(TODAY)), chat(2, at(TODAY, 13))
    model.show([first, second])
    model.show_hits([SearchHit(first, "the snippet")])
    assert [model.conversation(row).id for row in range(model.rowCount())] == [1]
    assert model.data(model.index(0), ConversationListModel.SnippetRole) == "the snippet"
    assert model.data(model.index(0), ConversationListModel.GroupRole) == ""
    model.put(msgspec.structs.replace(first, title="renamed"))
    assert model.data(model.index(0)) == "renamed"
    model.remove(first.id)
    assert model.rowCount() == 0
    model.show_hits(None)
    assert [model.conversation(row).id for row in range(model.rowCount())] == [2]


def test_a_streaming_reply_grows_only_at_its_end() -> None:
    model = MessageListModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.show([message(1, "question")])
    model.append(message(2, "", Status.STREAMING))
    added: list[tuple[int, str]] = []
    changed: list[object] = []
    model.text_appended.connect(lambda row, text: added.append((row, text)))
    model.dataChanged.connect(lambda *_: changed.append(1))
    for piece in ("Hel", "lo", "", "!"):
        model.append_text(MessageId(2), piece)
    assert added == [(1, "Hel"), (1, "lo"), (1, "!")]
    assert not changed
    assert model.streaming_row() == 1
    assert model.message(1).content == "Hello!"
    model.append_text(MessageId(2), " More.")
    model.replace(message(2, "Hello! More.", Status.COMPLETE))
    assert changed
    assert model.message(1) == message(2, "Hello! More.", Status.COMPLETE)
    assert model.streaming_row() is None
    model.append_text(MessageId(99), "to a chat that is not on screen")
    assert len(model.messages()) == 2
    assert tester


def test_settings_take_valid_values_alone() -> None:
    values = SettingValues()
    heard: list[str] = []
    values.changed.connect(heard.append)
    assert values.set(TEMPERATURE, 1)
    assert values.get(TEMPERATURE, float) == 1.0
    assert not values.set(TEMPERATURE, 1.0)
    with pytest.raises(ValueError, match="between 0 and 2"):
        values.set(TEMPERATURE, 3)
    with pytest.raises(ValueError, match="whole number"):
        values.set(TOP_K, 1.5)
    with pytest.raises(TypeError):
        values.get(TEMPERATURE, str)
    assert heard == [TEMPERATURE]


def test_settings_restore_what_is_still_valid() -> None:
    values = SettingValues()
    refused = values.restore({TEMPERATURE: 0.2, TOP_K: "many", "a.key.of.tomorrow": 1, THEME: "dark"})
    assert refused == [TOP_K, "a.key.of.tomorrow"]
    assert values.get(TEMPERATURE, float) == 0.2
    assert values.get(THEME, str) == "dark"
    assert values.value(TOP_K) == SETTINGS[TOP_K].default


def test_engine_state_announces_changes_once() -> None:
    state = EngineState()
    heard: list[str] = []
    state.status_changed.connect(lambda: heard.append(state.status.text))
    state.set_status(EngineStatus(Phase.READY))
    state.set_status(EngineStatus(Phase.READY))
    state.set_status(EngineStatus(Phase.STOPPED, reason="The file is gone."))
    assert heard == ["Ready", "Stopped: The file is gone."]
    card = Device("Vulkan0", "a card", DeviceKind.GPU, 1, 2)
    state.set_devices((Device("CPU", "", DeviceKind.CPU, 1, 1), card))
    assert state.gpus == (card,)


def test_a_chat_that_is_written_to_moves_and_is_never_removed() -> None:
    """A view selects a neighbour of a row that goes, and selecting opens it: another chat would come on screen."""
    model = ConversationListModel(lambda: TODAY)
    old, new = chat(1, at(TODAY, 8)), chat(2, at(TODAY, 9))
    model.show([old, new])
    removed: list[object] = []
    model.rowsRemoved.connect(lambda *_: removed.append(1))
    model.put(msgspec.structs.replace(new, updated_at=at(TODAY, 10)))
    model.put(msgspec.structs.replace(old, updated_at=at(TODAY, 11)))
    assert [model.conversation(row).id for row in range(2)] == [old.id, new.id]
    assert not removed
