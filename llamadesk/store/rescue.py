"""Rows out of databases that cannot be trusted, into a new one."""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from collections.abc import Iterator
from typing import Any

from llamadesk.core.chat import Role, Status
from llamadesk.store import conversations
from llamadesk.store.connection import storable
from llamadesk.store.examine import TABLES
from llamadesk.store.messages import checksum
from llamadesk.store.problems import DATABASE_ERRORS, primary_code

log = logging.getLogger(__name__)

Row = dict[str, Any]

_MAX_FAILURES = 5_000  # ranges of rows that cannot be read, before the rest of a table is given up
_MAX_BARREN_FAILURES = 500  # where not a single row could be read
_MAX_ID = 2**62
_FALLBACK_LAST_ID = 1_000_000
_ROLES = frozenset(Role)
_STATUSES = frozenset(Status)


class Rescue:
    """Fills a new, empty database from damaged ones and backups, the best source first.

    A message that is sound goes in from the first source that has it. One whose checksum does not match goes in only
    where no source has it sound, and stays marked by its checksum.

    Attributes:
        n_conversations, n_messages: in the new database, once finished.
        n_from_backup: messages that only a backup had sound.
        n_damaged: messages whose text no source had sound.
    """

    def __init__(self, target: sqlite3.Connection) -> None:
        """`target` must be in a transaction, which lasts until `finish`."""
        self._target = target
        self._columns = {
            table: {name for _, name, *_ in target.execute(f"PRAGMA table_info({table})")} for table in TABLES
        }
        self._damaged: dict[int, Row] = {}
        self._n_taken = 0
        self.n_conversations = 0
        self.n_messages = 0
        self.n_from_backup = 0
        self.n_damaged = 0
        target.execute("PRAGMA defer_foreign_keys = ON")  # the tree is mended in `finish`

    @property
    def found_anything(self) -> bool:
        """Whether any source had a conversation or a message that could be read."""
        return self._n_taken + len(self._damaged) > 0

    def take(self, source: sqlite3.Connection, *, backup: bool = False) -> None:
        """Take what is readable and new. Raises one of DATABASE_ERRORS where not even the schema is."""
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        for row in readable_rows(source, "setting"):
            if isinstance(row.get("key"), str) and isinstance(row.get("value"), str):
                self._insert("setting", {"key": row["key"], "value": row["value"]})
        for row in readable_rows(source, "conversation"):
            if 0 < row["id"] < _MAX_ID:
                self._n_taken += self._insert("conversation", row | _sound_conversation(row))
        for row in readable_rows(source, "message"):
            if 0 < row["id"] < _MAX_ID:
                self._take_message(row, backup)

    def finish(self) -> None:
        """Take the damaged messages too, and make a tree of what there is."""
        for row in self._damaged.values():
            self.n_damaged += self._insert("message", row)
        self._mend_tree()
        self.n_conversations = self._count("conversation")
        self.n_messages = self._count("message")

    def __str__(self) -> str:
        return (
            f"{self.n_conversations} conversations, {self.n_messages} messages, "
            f"{self.n_from_backup} from a backup, {self.n_damaged} damaged"
        )

    def _take_message(self, row: Row, backup: bool) -> None:
        mended = row | _sound_message(row)
        place = mended["conversation_id"], mended["parent_id"], mended["role"], mended["content"]
        as_read = row.get("conversation_id"), row.get("parent_id"), row.get("role"), row.get("content")
        if as_read == place and mended["checksum"] == checksum(*place):
            taken = self._insert("message", mended)
            self._n_taken += taken
            self.n_from_backup += taken and backup
        else:
            self._damaged.setdefault(row["id"], mended)

    def _insert(self, table: str, row: Row) -> bool:
        """Insert a row unless one with its id is there; True where it went in."""
        columns = [column for column in row if column in self._columns[table]]
        sql = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        try:
            return self._target.execute(sql, [row[column] for column in columns]).rowcount == 1
        except sqlite3.IntegrityError as error:
            log.warning("a row of %s is lost: %s", table, error)
            return False

    def _count(self, table: str) -> int:
        (count,) = self._target.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(count)

    def _mend_tree(self) -> None:
        """Every message gets a conversation, a parent that exists, and a conversation a leaf."""
        run, moment = self._target.execute, conversations.now()
        run(
            "INSERT INTO conversation (id, title, created_at, updated_at) "
            "SELECT conversation_id, 'Recovered chat', min(created_at), max(created_at) FROM message "
            "WHERE conversation_id NOT IN (SELECT id FROM conversation) GROUP BY conversation_id"
        )
        # A gap in a chat is closed: what lost its parent goes on after the message before it. The checksum, which
        # covers the parent, is written anew for what was sound.
        orphans = run(
            "SELECT id, conversation_id, parent_id, role, content, checksum FROM message AS orphan "
            "WHERE parent_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM message AS parent "
            "WHERE parent.id = orphan.parent_id AND parent.conversation_id = orphan.conversation_id)"
        ).fetchall()
        for id_, conversation_id, parent_id, role, content, stored in orphans:
            (before,) = run(
                "SELECT max(id) FROM message WHERE conversation_id = ? AND id < ?", (conversation_id, id_)
            ).fetchone()
            sound = stored == checksum(conversation_id, parent_id, role, content)
            mended = checksum(conversation_id, before, role, content) if sound else stored
            run("UPDATE message SET parent_id = ?, checksum = ? WHERE id = ?", (before, mended, id_))
        run(
            "UPDATE conversation SET leaf_id = (SELECT max(id) FROM message WHERE conversation_id = conversation.id) "
            "WHERE NOT EXISTS (SELECT 1 FROM message WHERE message.id = leaf_id AND conversation_id = conversation.id)"
        )
        # A damaged time may lie outside what a calendar can show.
        for column in ("created_at", "updated_at"):
            run(f"UPDATE conversation SET {column} = ?1 WHERE {column} NOT BETWEEN 0 AND 4102444800000", (moment,))


def readable_rows(source: sqlite3.Connection, table: str) -> Iterator[Row]:
    """Every row of `table` that can be read, some perhaps twice.

    Where a range of rows fails, each half of it is tried again, down to the row, so that a damaged page costs only the
    rows behind it. The widest ranges come first: where little can be read, the patience is spent on that little last.
    """
    ranges = deque([(1, _last_id(source, table))])
    failures = n_read = 0
    while ranges and failures < _MAX_FAILURES:
        first, last = ranges.popleft()
        try:
            cursor = source.execute(f"SELECT * FROM {table} WHERE id BETWEEN ? AND ? ORDER BY id", (first, last))
            names = [description[0] for description in cursor.description]
            for row in cursor:
                yield dict(zip(names, row, strict=True))
                n_read += 1
        except DATABASE_ERRORS as error:
            if primary_code(error) == sqlite3.SQLITE_ERROR:  # no such table or column
                return
            failures += 1
            if failures == _MAX_BARREN_FAILURES and n_read == 0:
                return
        else:
            continue
        if first < last:
            middle = (first + last) // 2
            ranges += [(first, middle), (middle + 1, last)]


def _last_id(source: sqlite3.Connection, table: str) -> int:
    for query in (f"SELECT max(id) FROM {table}", f"SELECT seq FROM sqlite_sequence WHERE name = '{table}'"):
        try:
            row = source.execute(query).fetchone()
        except DATABASE_ERRORS:
            continue
        if row and isinstance(row[0], int) and 0 < row[0] < _MAX_ID:
            return row[0]
    return _FALLBACK_LAST_ID


def _sound_conversation(row: Row) -> Row:
    """The columns of a conversation, with something harmless where the damage left another type."""
    moment = conversations.now()
    return {
        "title": _text(row.get("title")) or "Recovered chat",
        "created_at": _whole(row.get("created_at")) or moment,
        "updated_at": _whole(row.get("updated_at")) or moment,
        "leaf_id": _whole(row.get("leaf_id")),
        "draft": _text(row.get("draft")),
        "deleted_at": _whole(row.get("deleted_at")),
        "options": _text(row.get("options")) or "{}",
    }


def _sound_message(row: Row) -> Row:
    """The same for a message. Its checksum stays what it was, so that a damaged one stays marked."""
    parent_id = _whole(row.get("parent_id"))
    return {
        "conversation_id": _whole(row.get("conversation_id")) or 1,
        "parent_id": parent_id if parent_id is not None and parent_id < row["id"] else None,
        "role": row.get("role") if row.get("role") in _ROLES else Role.ASSISTANT.value,
        "status": row.get("status") if row.get("status") in _STATUSES else Status.FAILED.value,
        "created_at": _whole(row.get("created_at")) or conversations.now(),
        "model_name": _text(row.get("model_name")),
        "stats": row.get("stats") if isinstance(row.get("stats"), str) else None,
        "checksum": row.get("checksum") if isinstance(row.get("checksum"), bytes) else b"",
        "content": _text(row.get("content")),
        "pinned": int(row.get("pinned") == 1),
        "thought": _text(row.get("thought")),
    }


def _text(value: object) -> str:
    return storable(value) if isinstance(value, str) else ""


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None
