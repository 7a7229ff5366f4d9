"""The messages of the chat on screen, in order."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from llamadesk.core.chat import Message, MessageId, Status

_Index = QModelIndex | QPersistentModelIndex


class MessageListModel(QAbstractListModel):
    """The path of messages that the transcript shows.

    A streaming reply is touched only at its end: `text_appended` tells the row and the new text, so that a view need
    not look at the whole message again for each token. Everything else about a row comes as `dataChanged`.
    """

    MessageRole = Qt.ItemDataRole.UserRole + 1

    text_appended = Signal(int, str)
    """row, text that was added to the end of that row's message."""
    thought_appended = Signal(int, str)
    """row, text that was added to the end of the thought before that row's answer."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._messages: list[Message] = []
        self._tails: dict[int, list[str]] = {}
        self._thought_tails: dict[int, list[str]] = {}

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """How many messages there are."""
        return 0 if parent.isValid() else len(self._messages)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The text for DisplayRole, the whole Message for MessageRole."""
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.message(index.row()).content
        if role == self.MessageRole:
            return self.message(index.row())
        return None

    def message(self, row: int) -> Message:
        """The message in `row`, with all the text it has so far."""
        tail, thought = self._tails.pop(row, None), self._thought_tails.pop(row, None)
        if tail or thought:
            message = self._messages[row]
            self._messages[row] = msgspec.structs.replace(
                message,
                content=message.content + "".join(tail or ()),
                thought=message.thought + "".join(thought or ()),
            )
        return self._messages[row]

    def id_of(self, row: int) -> MessageId:
        """Of the message in `row`; cheaper than the message, whose text may wait to be joined."""
        return self._messages[row].id

    def messages(self) -> list[Message]:
        """All messages in order."""
        return [self.message(row) for row in range(len(self._messages))]

    def row_of(self, message_id: MessageId) -> int | None:
        """Where a message is; the newest are looked at first."""
        for row in range(len(self._messages) - 1, -1, -1):
            if self._messages[row].id == message_id:
                return row
        return None

    def show(self, messages: Sequence[Message]) -> None:
        """Show another chat."""
        self.beginResetModel()
        self._messages = list(messages)
        self._tails.clear()
        self._thought_tails.clear()
        self.endResetModel()

    def append(self, message: Message) -> None:
        """Add a message at the end."""
        row = len(self._messages)
        self.beginInsertRows(QModelIndex(), row, row)
        self._messages.append(message)
        self.endInsertRows()

    def append_text(self, message_id: MessageId, text: str) -> None:
        """Add text to the end of a message that is being written; joined lazily, so that a long reply stays cheap."""
        row = self.row_of(message_id)
        if row is None or not text:
            return
        self._tails.setdefault(row, []).append(text)
        self.text_appended.emit(row, text)

    def append_thought(self, message_id: MessageId, text: str) -> None:
        """Add text to the end of the thought of a reply that is being written; as cheap as `append_text`."""
        row = self.row_of(message_id)
        if row is None or not text:
            return
        self._thought_tails.setdefault(row, []).append(text)
        self.thought_appended.emit(row, text)

    def replace(self, message: Message) -> None:
        """Show a message as it is now (its status or statistics changed, or its text by more than an addition)."""
        row = self.row_of(message.id)
        if row is None:
            return
        self._tails.pop(row, None)
        self._thought_tails.pop(row, None)
        self._messages[row] = message
        index = self.index(row)
        self.dataChanged.emit(index, index)

    def streaming_row(self) -> int | None:
        """The row of the reply that is being written, if one is."""
        for row in range(len(self._messages) - 1, max(-1, len(self._messages) - 3), -1):
            if self._messages[row].status is Status.STREAMING:
                return row
        return None
