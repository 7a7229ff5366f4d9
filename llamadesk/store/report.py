"""What `llamadesk doctor` tells about the database."""

from __future__ import annotations

import sqlite3

import msgspec

from llamadesk.core.chat import MessageId
from llamadesk.core.paths import DataFolders
from llamadesk.store import messages, search
from llamadesk.store.backups import Backups
from llamadesk.store.migrations import schema_version


class DatabaseReport(msgspec.Struct, frozen=True):
    """The health of the database; holds no text of any chat.

    Attributes:
        size_bytes: of the database file, without its WAL.
        integrity: what SQLite's integrity_check found; empty where all is well.
        damaged_messages: messages whose checksum does not match.
        search_sound: whether the search index is whole.
        n_conversations, n_trashed, n_messages: rows; the trashed are among the conversations.
        backups: names of the backups, the newest first.
    """

    path: str
    size_bytes: int
    schema_version: int
    sqlite_version: str
    integrity: tuple[str, ...]
    damaged_messages: tuple[MessageId, ...]
    search_sound: bool
    n_conversations: int
    n_trashed: int
    n_messages: int
    backups: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.integrity and not self.damaged_messages and self.search_sound


def check(connection: sqlite3.Connection, folders: DataFolders) -> DatabaseReport:
    """Read and check everything; seconds for a database of a hundred thousand messages."""
    verdicts = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    n_conversations, n_trashed = connection.execute("SELECT count(*), count(deleted_at) FROM conversation").fetchone()
    (n_messages,) = connection.execute("SELECT count(*) FROM message").fetchone()
    return DatabaseReport(
        path=str(folders.database),
        size_bytes=folders.database.stat().st_size,
        schema_version=schema_version(connection),
        sqlite_version=sqlite3.sqlite_version,
        integrity=() if verdicts == ["ok"] else tuple(verdicts),
        damaged_messages=tuple(messages.damaged_ids(connection)),
        search_sound=search.is_sound(connection),
        n_conversations=n_conversations,
        n_trashed=n_trashed,
        n_messages=n_messages,
        backups=tuple(path.name for path in Backups(folders).newest_first()),
    )
