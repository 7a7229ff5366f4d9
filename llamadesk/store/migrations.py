"""The schema, as the numbered steps that led to it.

Append only: a step that has shipped never changes. `PRAGMA user_version` counts the steps a database has taken. The
search index is no part of this, it can be made again at any time (`llamadesk.store.search`).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence

import msgspec

from llamadesk.store.connection import transaction

log = logging.getLogger(__name__)

APPLICATION_ID = 0x4C4C4445  # "LLDE", tells our databases from others'


class Migration(msgspec.Struct, frozen=True):
    """One step of the schema: statements that are run in one transaction."""

    name: str
    statements: tuple[str, ...]


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "conversations, messages and settings",
        (
            f"PRAGMA application_id = {APPLICATION_ID}",
            # AUTOINCREMENT: an id is never given twice, so that a setting or a backup can name a chat for ever.
            """
            CREATE TABLE conversation (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                title TEXT NOT NULL,
                created_at INTEGER NOT NULL,
                updated_at INTEGER NOT NULL,
                leaf_id INTEGER REFERENCES message (id) DEFERRABLE INITIALLY DEFERRED,
                draft TEXT NOT NULL DEFAULT '',
                deleted_at INTEGER
            ) STRICT
            """,
            # The tree of messages. Its order is parent_id, never a clock; a parent is always older: parent_id < id.
            # No cascade along parent_id: a long chat is deeper than SQLite lets cascades go. content comes last, so
            # that the other columns are read without walking through a long text.
            """
            CREATE TABLE message (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                conversation_id INTEGER NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
                parent_id INTEGER REFERENCES message (id) DEFERRABLE INITIALLY DEFERRED CHECK (parent_id < id),
                role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
                status TEXT NOT NULL,
                created_at INTEGER NOT NULL,
                model_name TEXT NOT NULL DEFAULT '',
                stats TEXT,
                checksum BLOB NOT NULL,
                content TEXT NOT NULL
            ) STRICT
            """,
            """
            CREATE TABLE setting (
                id INTEGER PRIMARY KEY,
                key TEXT NOT NULL UNIQUE,
                value TEXT NOT NULL
            ) STRICT
            """,
            "CREATE INDEX message_by_conversation ON message (conversation_id)",
            "CREATE INDEX message_by_parent ON message (parent_id)",
            "CREATE INDEX message_streaming ON message (id) WHERE status = 'streaming'",
            "CREATE INDEX conversation_by_leaf ON conversation (leaf_id)",
        ),
    ),
    Migration(
        "options of a chat, pinned messages, thoughts, and what was learned of models",
        (
            "ALTER TABLE conversation ADD COLUMN options TEXT NOT NULL DEFAULT '{}'",
            "ALTER TABLE message ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE message ADD COLUMN thought TEXT NOT NULL DEFAULT ''",
            # What was measured on this machine: lost, it is measured again.
            """
            CREATE TABLE learned (
                id INTEGER PRIMARY KEY,
                key TEXT NOT NULL UNIQUE,
                value TEXT NOT NULL,
                learned_at INTEGER NOT NULL
            ) STRICT
            """,
        ),
    ),
)


def schema_version(connection: sqlite3.Connection) -> int:
    """How many migrations the database has taken; 0 where it is new."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def migrate(
    connection: sqlite3.Connection,
    migrations: Sequence[Migration] = MIGRATIONS,
    back_up: Callable[[], object] = lambda: None,
) -> None:
    """Take the migrations that are missing, each in one transaction.

    Args:
        connection: a database that is no newer than `migrations`.
        migrations: all of them, from the first.
        back_up: called before each migration of a database that is not new; where it raises, the database is left as
            it is.
    """
    start = schema_version(connection)
    if start == len(migrations):
        return
    connection.execute("PRAGMA foreign_keys = OFF")  # a migration may make a table anew; all is checked before COMMIT
    try:
        for version in range(start, len(migrations)):
            if start > 0:
                back_up()
            log.info("migration %d: %s", version + 1, migrations[version].name)
            with transaction(connection):
                for statement in migrations[version].statements:
                    connection.execute(statement)
                if connection.execute("PRAGMA foreign_key_check").fetchone():
                    raise sqlite3.IntegrityError(f"migration {version + 1} leaves references to nothing")
                connection.execute(f"PRAGMA user_version = {version + 1}")
    finally:
        connection.execute("PRAGMA foreign_keys = ON")
