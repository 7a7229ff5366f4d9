"""A message that the disk has altered says so below its text, from the real database to the pixels."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise

import pytest
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from llamadesk.core.chat import ConversationId, Message, Role, Status
from llamadesk.core.paths import DataFolders
from llamadesk.core.settings import Theme
from llamadesk.state.transcript import MessageListModel
from llamadesk.store.front import Store
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.transcript.blocks.chrome import FootWidget
from llamadesk.ui.transcript.fitting import Item
from llamadesk.ui.transcript.view import TranscriptView

pytestmark = [
    pytest.mark.allow_log("no font on this machine has", "is damaged: its checksum"),
    pytest.mark.qt_log_ignore("This plugin does not support"),
]

WORDS = "Part of this message may have been damaged on the disk."

Show = Callable[..., TranscriptView]


async def write_chat(store: Store) -> list[Message]:
    """Two questions and two replies, the second one stopped."""
    chat, question = await store.begin_chat("Capitals", "What is the capital of France?")
    reply = await store.add_message(chat.id, question.id, Role.ASSISTANT, "It is Paris.", Status.COMPLETE, "Model")
    second = await store.add_message(chat.id, reply.id, Role.USER, "And that of Spain?", Status.COMPLETE)
    stopped = await store.add_message(chat.id, second.id, Role.ASSISTANT, "It is Mad", Status.STOPPED, "Model")
    return [question, reply, second, stopped]


def damage(folders: DataFolders, message: Message, mask: int) -> None:
    """Flip bits of one byte of a message's text, in place: as a disk would, no trigger sees it."""
    with (
        closing(sqlite3.connect(folders.database, isolation_level=None)) as connection,
        connection.blobopen("message", "content", message.id) as content,
    ):
        content[3] ^= mask


def kept(folders: DataFolders, chat: ConversationId) -> list[Message]:
    store = Store.open(folders)
    try:
        return asyncio.run(store.messages(chat))
    finally:
        store.close()


@pytest.fixture
def written(data_folders: DataFolders) -> list[Message]:
    store = Store.open(data_folders)
    try:
        return asyncio.run(write_chat(store))
    finally:
        store.close()


@pytest.fixture
def show(qtbot: QtBot) -> Iterator[Show]:
    theme = ThemeManager()

    def shown(messages: list[Message], look: Theme = Theme.LIGHT, zoom: int = 100, width: int = 900) -> TranscriptView:
        theme.set_theme(look)
        theme.set_zoom(zoom)
        model = MessageListModel()
        view = TranscriptView(model, theme)
        model.setParent(view)
        qtbot.addWidget(view)
        view.resize(width, 2000)
        view.show()
        qtbot.waitExposed(view)
        model.show(messages)
        QApplication.processEvents()
        return view

    yield shown
    theme.set_theme(Theme.SYSTEM)  # the style hints are the application's


def feet(view: TranscriptView) -> list[Item]:
    """Of all messages, which must be on screen, in order."""
    found = [item for item in view.area.strip.band.items if isinstance(item.widget, FootWidget)]
    assert all(item.widget.isVisible() for item in found)
    return found


def ink(item: Item, colour: str) -> list[tuple[int, int]]:
    """Where a foot shows a colour (nearly: the edges of letters are smoothed)."""
    image = item.widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    wanted = QColor(colour).getRgb()[:3]
    return [
        (x, y)
        for y in range(image.height())
        for x in range(image.width())
        if all(abs(a - b) < 16 for a, b in zip(image.pixelColor(x, y).getRgb(), wanted, strict=False))
    ]


@pytest.mark.parametrize("mask", [0x01, 0x80], ids=["another letter", "no UTF-8"])
def test_what_the_disk_has_altered_is_said(
    data_folders: DataFolders, written: list[Message], show: Show, mask: int
) -> None:
    question, _reply, _second, stopped = written
    damage(data_folders, question, mask)
    damage(data_folders, stopped, mask)
    messages = kept(data_folders, question.conversation_id)
    assert messages[0].content != question.content
    view = show(messages)
    assert [item.widget.accessibleName() for item in feet(view)] == [WORDS, "", "", f"{WORDS} Stopped"]
    warned = [bool(ink(item, "#8a5300")) for item in feet(view)]
    assert warned == [True, False, False, True]


def test_a_sound_chat_says_nothing(data_folders: DataFolders, written: list[Message], show: Show) -> None:
    view = show(kept(data_folders, written[0].conversation_id))
    assert [item.widget.accessibleName() for item in feet(view)] == ["", "", "", "Stopped"]
    assert not any(ink(item, "#8a5300") for item in feet(view))


@pytest.mark.parametrize("width", [900, 380])
@pytest.mark.parametrize("zoom", [100, 200])
@pytest.mark.parametrize(("look", "warning"), [(Theme.LIGHT, "#8a5300"), (Theme.DARK, "#f2bd6b")])
def test_the_words_have_room_at_every_size(
    data_folders: DataFolders, written: list[Message], show: Show, look: Theme, warning: str, zoom: int, width: int
) -> None:
    for message in written[:2]:
        damage(data_folders, message, 0x01)
    view = show(kept(data_folders, written[0].conversation_id), look, zoom, width)
    of_question, of_reply, sound, _stopped = feet(view)
    for item in (of_question, of_reply):
        foot = item.widget
        assert isinstance(foot, FootWidget)
        assert foot.height() == item.content_height
        button = foot.copy_button.geometry()
        assert foot.rect().bottom() == button.bottom(), "the button's row is the last one"
        marks = ink(item, warning)
        assert min(y for _, y in marks) > 0 and max(y for _, y in marks) < button.top()
        assert max(x for x, _ in marks) < foot.width() - 1
        lines = 1 if width == 900 or zoom == 100 else 2
        assert foot.height() - sound.content_height >= lines * 12 * zoom // 100
    letters_of_question, letters_of_reply = (ink(item, warning) for item in (of_question, of_reply))
    assert min(x for x, _ in letters_of_reply) <= 4 * zoom // 100, "under the reply"
    assert max(x for x, _ in letters_of_question) > of_question.width - 40 * zoom // 100, (
        "under the bubble's right edge"
    )


def test_a_message_that_is_found_to_be_damaged_later_grows(
    data_folders: DataFolders, written: list[Message], show: Show
) -> None:
    sound = kept(data_folders, written[0].conversation_id)
    view = show(sound)
    model = view.findChild(MessageListModel)
    assert model is not None
    before = [item.content_height for item in feet(view)]
    damage(data_folders, written[1], 0x01)
    model.replace(kept(data_folders, written[0].conversation_id)[1])
    after = feet(view)
    assert [item.content_height > height for item, height in zip(after, before, strict=True)] == [
        False,
        True,
        False,
        False,
    ]
    items = view.area.strip.band.items
    assert all(above.bottom == below.y for above, below in pairwise(items))
    model.replace(sound[1])
    assert [item.content_height for item in feet(view)] == before, "nothing of it stays"
