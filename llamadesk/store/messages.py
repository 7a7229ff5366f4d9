"""Queries about messages. Blocking: called on the store's thread."""

from __future__ import annotations

import logging
import sqlite3
from typing import Any

import msgspec

from llamadesk.core.chat import Conversation, ConversationId, Message, MessageId, ReplyStats, Role, Status, Timestamp
from llamadesk.store import conversations
from llamadesk.store.connection import storable, transaction

log = logging.getLogger(__name__)

_COLUMNS = (
    "id, conversation_id, parent_id, role, content, status, created_at, model_name, stats, checksum, pinned, thought"
)
# `parent.id < path.id` holds by the schema; said again here, so that a damaged file cannot make the walk endless.
_PATH = f"""
WITH RECURSIVE path (id, parent_id, depth) AS (
    SELECT message.id, message.parent_id, 0
    FROM conversation JOIN message ON message.id = conversation.leaf_id
    WHERE conversation.id = ?1
    UNION ALL
    SELECT parent.id, parent.parent_id, path.depth + 1
    FROM path JOIN message AS parent ON parent.id = path.parent_id
    WHERE parent.id < path.id
)
SELECT {", ".join(f"message.{column.strip()}" for column in _COLUMNS.split(","))}
FROM path JOIN message ON message.id = path.id
ORDER BY path.depth DESC
"""
_ROLES = {role.value: role for role in Role}
_STATUSES = {status.value: status for status in Status}


def checksum(conversation_id: int, parent_id: int | None, role: str, content: str) -> bytes:
    """What a message's text and its place are checked by when they are read: 16 bytes.

    Its status, statistics, pin and thought are left out: they change without its text, and damage to them loses little.
    """
    import hashlib  # noqa: PLC0415 - slow to import, and a start reads no message before the first frame

    digest = hashlib.blake2b(f"{conversation_id}/{parent_id or 0}/{role}/".encode(), digest_size=16)
    digest.update(content.encode())
    return digest.digest()


def from_row(row: tuple[Any, ...]) -> Message:
    """A row of _COLUMNS, as good as it can be read: a damaged one is marked and logged, never an exception."""
    id_, conversation_id, parent_id, role, content, status, created_at, model_name, stats, stored, pinned, thought = row
    content = content if isinstance(content, str) else ""
    damaged = stored != checksum(conversation_id, parent_id, role, content)
    if damaged:
        log.warning("message %s is damaged: its checksum does not match", id_)
    return Message(
        id=id_,
        conversation_id=conversation_id,
        parent_id=parent_id,
        role=_ROLES.get(role, Role.ASSISTANT),
        content=content,
        status=_STATUSES.get(status, Status.FAILED),
        created_at=Timestamp(created_at if isinstance(created_at, int) else 0),
        model_name=model_name if isinstance(model_name, str) else "",
        stats=_stats(stats),
        damaged=damaged,
        pinned=pinned == 1,
        thought=thought if isinstance(thought, str) else "",
    )


def path(connection: sqlite3.Connection, conversation_id: ConversationId) -> list[Message]:
    """The messages on screen, from the root to the conversation's leaf."""
    found = [from_row(row) for row in connection.execute(_PATH, (conversation_id,))]
    if found and found[0].parent_id is not None:
        log.warning("conversation %s has lost messages before message %s", conversation_id, found[0].id)
    return found


def get(connection: sqlite3.Connection, message_id: MessageId) -> Message:
    """One message; LookupError where there is none."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM message WHERE id = ?", (message_id,)).fetchone()
    if row is None:
        raise LookupError(f"no message {message_id}")
    return from_row(row)


def add(
    connection: sqlite3.Connection,
    conversation_id: ConversationId,
    parent_id: MessageId | None,
    role: Role,
    content: str,
    status: Status,
    model_name: str = "",
) -> Message:
    """Add a message below `parent_id` (None: a root); it becomes the leaf of its conversation.

    Raises:
        LookupError: there is no such conversation, or no such message in it.
    """
    with transaction(connection):
        conversations.get(connection, conversation_id)
        if parent_id is not None and get(connection, parent_id).conversation_id != conversation_id:
            raise LookupError(f"message {parent_id} is not in conversation {conversation_id}")
        return _insert(connection, conversation_id, parent_id, role, content, status, model_name)


def begin_chat(connection: sqlite3.Connection, title: str, content: str) -> tuple[Conversation, Message]:
    """A new conversation with its first message, in one commit."""
    with transaction(connection):
        created = conversations.insert(connection, title)
        message = _insert(connection, created.id, None, Role.USER, content, Status.COMPLETE, "")
        return conversations.get(connection, created.id), message


def checkpoint(connection: sqlite3.Connection, message_id: MessageId, content: str, thought: str = "") -> None:
    """Keep what a reply has so far; it stays out of the search until it is finished."""
    with transaction(connection):
        _write(connection, message_id, content, thought, Status.STREAMING, None)


def finish(
    connection: sqlite3.Connection,
    message_id: MessageId,
    content: str,
    status: Status,
    stats: ReplyStats | None,
    thought: str = "",
) -> Message:
    """Keep a whole reply, and how it ended."""
    if status is Status.STREAMING:
        raise ValueError("a finished reply does not stream")
    with transaction(connection):
        _write(connection, message_id, content, thought, status, stats)
        return get(connection, message_id)


def set_pinned(connection: sqlite3.Connection, message_id: MessageId, pinned: bool) -> Message:
    """Pin a message, or let it go."""
    with transaction(connection):
        connection.execute("UPDATE message SET pinned = ? WHERE id = ?", (int(pinned), message_id))
        return get(connection, message_id)


def mark_interrupted(connection: sqlite3.Connection) -> int:
    """Replies that still say STREAMING were cut off by the end of the app; how many that were."""
    with transaction(connection):
        cursor = connection.execute("UPDATE message SET status = 'interrupted' WHERE status = 'streaming'")
        return cursor.rowcount


def damaged_ids(connection: sqlite3.Connection) -> list[MessageId]:
    """Every message whose checksum does not match; reads all of them."""
    rows = connection.execute("SELECT id, conversation_id, parent_id, role, content, checksum FROM message")
    return [id_ for id_, *covered, stored in rows if stored != checksum(*covered)]


def _insert(
    connection: sqlite3.Connection,
    conversation_id: ConversationId,
    parent_id: MessageId | None,
    role: Role,
    content: str,
    status: Status,
    model_name: str,
) -> Message:
    content, model_name, moment = storable(content), storable(model_name), conversations.now()
    cursor = connection.execute(
        "INSERT INTO message (conversation_id, parent_id, role, status, created_at, model_name, checksum, content) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            conversation_id,
            parent_id,
            role.value,
            status.value,
            moment,
            model_name,
            checksum(conversation_id, parent_id, role.value, content),
            content,
        ),
    )
    assert cursor.lastrowid is not None
    message_id = MessageId(cursor.lastrowid)
    conversations.show_leaf(connection, conversation_id, message_id, moment)
    return Message(message_id, conversation_id, parent_id, role, content, status, moment, model_name)


def _write(
    connection: sqlite3.Connection,
    message_id: MessageId,
    content: str,
    thought: str,
    status: Status,
    stats: ReplyStats | None,
) -> None:
    content = storable(content)
    row = connection.execute(
        "SELECT conversation_id, parent_id, role FROM message WHERE id = ?", (message_id,)
    ).fetchone()
    if row is None:
        raise LookupError(f"no message {message_id}")
    conversation_id, parent_id, role = row
    connection.execute(
        "UPDATE message SET content = ?, thought = ?, checksum = ?, status = ?, stats = ? WHERE id = ?",
        (
            content,
            storable(thought),
            checksum(conversation_id, parent_id, role, content),
            status.value,
            None if stats is None else msgspec.json.encode(stats).decode(),
            message_id,
        ),
    )


def _stats(stored: object) -> ReplyStats | None:
    if not isinstance(stored, str):
        return None
    try:
        return msgspec.json.decode(stored, type=ReplyStats)
    except msgspec.DecodeError:
        return None
