"""Queries about conversations. Blocking: called on the store's thread."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

import msgspec

from llamadesk.core.chat import ChatOptions, Conversation, ConversationId, MessageId, Timestamp
from llamadesk.store.connection import storable, transaction

COLUMNS = "conversation.id, title, conversation.created_at, updated_at, leaf_id, draft, options"


def now() -> Timestamp:
    """The time by the system's clock, which may go backwards: never order by it what has an order of its own."""
    return Timestamp(time.time_ns() // 1_000_000)


def from_row(row: tuple[Any, ...]) -> Conversation:
    """A row of COLUMNS; options that cannot be read are the default ones."""
    *others, stored = row
    try:
        options = msgspec.json.decode(stored, type=ChatOptions)
    except (msgspec.DecodeError, TypeError):
        options = ChatOptions()
    fields: tuple[Any, ...] = (*others, options)
    return Conversation(*fields)


def all_listed(connection: sqlite3.Connection) -> list[Conversation]:
    """Every conversation that is not in the trash, newest first."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM conversation WHERE deleted_at IS NULL ORDER BY updated_at DESC, id DESC"
    )
    return [from_row(row) for row in rows]


def get(connection: sqlite3.Connection, conversation_id: ConversationId) -> Conversation:
    """One conversation, in the trash or not; LookupError where there is none."""
    row = connection.execute(f"SELECT {COLUMNS} FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    if row is None:
        raise LookupError(f"no conversation {conversation_id}")
    return from_row(row)


def insert(connection: sqlite3.Connection, title: str) -> Conversation:
    """A new conversation; inside a transaction of the caller."""
    title, moment = storable(title), now()
    cursor = connection.execute(
        "INSERT INTO conversation (title, created_at, updated_at) VALUES (?, ?, ?)", (title, moment, moment)
    )
    assert cursor.lastrowid is not None
    return Conversation(ConversationId(cursor.lastrowid), title, moment, moment)


def create(connection: sqlite3.Connection, title: str) -> Conversation:
    """A new conversation without messages."""
    with transaction(connection):
        return insert(connection, title)


def rename(connection: sqlite3.Connection, conversation_id: ConversationId, title: str) -> Conversation:
    """Give it another title; its place in the list stays."""
    _update(connection, conversation_id, "title = ?", storable(title))
    return get(connection, conversation_id)


def set_draft(connection: sqlite3.Connection, conversation_id: ConversationId, text: str) -> None:
    """Keep what was typed and not sent."""
    _update(connection, conversation_id, "draft = ?", storable(text))


def set_options(connection: sqlite3.Connection, conversation_id: ConversationId, options: ChatOptions) -> Conversation:
    """Keep what a person chose for one chat; its place in the list stays."""
    _update(connection, conversation_id, "options = ?", storable(msgspec.json.encode(options).decode()))
    return get(connection, conversation_id)


def purged(connection: sqlite3.Connection, older_than: Timestamp) -> list[ConversationId]:
    """The conversations that `purge_trash` would delete."""
    rows = connection.execute("SELECT id FROM conversation WHERE deleted_at < ?", (older_than,))
    return [ConversationId(id_) for (id_,) in rows]


def trash(connection: sqlite3.Connection, conversation_id: ConversationId) -> None:
    """Put it into the trash; it can be restored until the trash is purged."""
    _update(connection, conversation_id, "deleted_at = ?", now())


def restore(connection: sqlite3.Connection, conversation_id: ConversationId) -> Conversation:
    """Take it out of the trash."""
    _update(connection, conversation_id, "deleted_at = ?", None)
    return get(connection, conversation_id)


def purge_trash(connection: sqlite3.Connection, older_than: Timestamp) -> int:
    """Delete for good what was put into the trash before `older_than`; how many conversations that were."""
    with transaction(connection):
        return connection.execute("DELETE FROM conversation WHERE deleted_at < ?", (older_than,)).rowcount


def show_leaf(
    connection: sqlite3.Connection, conversation_id: ConversationId, leaf_id: MessageId, moment: Timestamp
) -> None:
    """The path on screen ends at `leaf_id` now; inside a transaction of the caller."""
    connection.execute(
        "UPDATE conversation SET leaf_id = ?, updated_at = ? WHERE id = ?", (leaf_id, moment, conversation_id)
    )


def _update(
    connection: sqlite3.Connection, conversation_id: ConversationId, assignment: str, value: str | int | None
) -> None:
    with transaction(connection):
        cursor = connection.execute(f"UPDATE conversation SET {assignment} WHERE id = ?", (value, conversation_id))
        if cursor.rowcount == 0:
            raise LookupError(f"no conversation {conversation_id}")
