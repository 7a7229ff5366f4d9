"""The list of chats in the sidebar: newest first, each with the group (by date) it stands under."""

from __future__ import annotations

import bisect
import datetime
from collections.abc import Callable, Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from llamadesk.core.chat import Conversation, ConversationId, SearchHit, Timestamp

_Index = QModelIndex | QPersistentModelIndex


def date_group(when: Timestamp, today: datetime.date) -> str:
    """The heading a chat of that time stands under, seen from `today` in the local time zone."""
    day = datetime.datetime.fromtimestamp(when / 1000).date()
    age = (today - day).days
    if age <= 0:
        return "Today"
    if age == 1:
        return "Yesterday"
    if age <= 7:
        return "Previous 7 days"
    if age <= 30:
        return "Previous 30 days"
    return day.strftime("%B %Y") if day.year == today.year else str(day.year)


class ConversationListModel(QAbstractListModel):
    """The chats to choose from: all of them, or what a search found.

    DisplayRole is the title, ConversationRole the Conversation, GroupRole the heading it stands under ("" in a search),
    SnippetRole the text around a match.
    """

    ConversationRole = Qt.ItemDataRole.UserRole + 1
    GroupRole = Qt.ItemDataRole.UserRole + 2
    SnippetRole = Qt.ItemDataRole.UserRole + 3

    current_changed = Signal()

    def __init__(self, today: Callable[[], datetime.date] = datetime.date.today, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._today = today
        self._all: list[Conversation] = []
        self._hits: list[SearchHit] | None = None
        self._current: ConversationId | None = None

    # --- What views read ---

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """How many chats are listed."""
        if parent.isValid():
            return 0
        return len(self._all) if self._hits is None else len(self._hits)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """See the class."""
        if not index.isValid():
            return None
        conversation = self.conversation(index.row())
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.EditRole):
            return conversation.title
        if role == self.ConversationRole:
            return conversation
        if role == self.GroupRole:
            return "" if self._hits is not None else date_group(conversation.updated_at, self._today())
        if role == self.SnippetRole:
            return "" if self._hits is None else self._hits[index.row()].snippet
        return None

    def conversation(self, row: int) -> Conversation:
        """The chat in `row`."""
        return self._all[row] if self._hits is None else self._hits[row].conversation

    def find(self, conversation_id: ConversationId) -> Conversation | None:
        """A chat by its id, listed or not."""
        return next((c for c in self._all if c.id == conversation_id), None)

    def row_of(self, conversation_id: ConversationId | None) -> int | None:
        """The row a chat is listed in."""
        for row in range(self.rowCount()):
            if self.conversation(row).id == conversation_id:
                return row
        return None

    @property
    def searching(self) -> bool:
        """Whether the list holds what a search found."""
        return self._hits is not None

    @property
    def current(self) -> ConversationId | None:
        """The chat on screen; None is a new one."""
        return self._current

    # --- What control writes ---

    def set_current(self, conversation_id: ConversationId | None) -> None:
        """Another chat is on screen."""
        if conversation_id != self._current:
            self._current = conversation_id
            self.current_changed.emit()

    def show(self, conversations: Sequence[Conversation]) -> None:
        """Take all chats, in any order."""
        self.beginResetModel()
        self._all = sorted(conversations, key=_newest_first)
        self.endResetModel()

    def show_hits(self, hits: Sequence[SearchHit] | None) -> None:
        """List what a search found; None lists all chats again."""
        self.beginResetModel()
        self._hits = None if hits is None else list(hits)
        self.endResetModel()

    def put(self, conversation: Conversation) -> None:
        """A chat is new or has changed: it moves to where its time puts it."""
        if self._hits is not None:
            self._put_while_searching(conversation)
            return
        old = self.row_of(conversation.id)
        others = [c for c in self._all if c.id != conversation.id]
        row = bisect.bisect_left(others, _newest_first(conversation), key=_newest_first)
        others.insert(row, conversation)
        if old is None:
            self.beginInsertRows(QModelIndex(), row, row)
            self._all = others
            self.endInsertRows()
        elif old == row:
            self._all = others
            self.dataChanged.emit(self.index(row), self.index(row))
        else:  # moved, not removed and inserted: a view would select, and so open, a neighbour of a row that goes
            self.beginMoveRows(QModelIndex(), old, old, QModelIndex(), row if row < old else row + 1)
            self._all = others
            self.endMoveRows()
            self.dataChanged.emit(self.index(row), self.index(row))
        self._groups_changed()

    def remove(self, conversation_id: ConversationId) -> None:
        """A chat is gone."""
        row = self.row_of(conversation_id)
        if row is not None:
            self._remove_row(row)
        self._all = [c for c in self._all if c.id != conversation_id]
        self._groups_changed()

    def _put_while_searching(self, conversation: Conversation) -> None:
        others = (c for c in self._all if c.id != conversation.id)
        self._all = sorted((conversation, *others), key=_newest_first)
        row = self.row_of(conversation.id)
        if row is not None and self._hits is not None:
            hit = self._hits[row]
            self._hits[row] = SearchHit(conversation, hit.snippet, hit.message_id)
            self.dataChanged.emit(self.index(row), self.index(row))

    def _remove_row(self, row: int) -> None:
        self.beginRemoveRows(QModelIndex(), row, row)
        del (self._all if self._hits is None else self._hits)[row]
        self.endRemoveRows()

    def _groups_changed(self) -> None:
        if self.rowCount():
            self.dataChanged.emit(self.index(0), self.index(self.rowCount() - 1), [self.GroupRole])


def _newest_first(conversation: Conversation) -> tuple[int, int]:
    return (-conversation.updated_at, -conversation.id)
