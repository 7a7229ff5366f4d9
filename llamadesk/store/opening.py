"""The steps from a folder to an open database."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from llamadesk.core.errors import Problem
from llamadesk.core.paths import DataFolders
from llamadesk.store import messages, search
from llamadesk.store.backups import Backups
from llamadesk.store.connection import beside, connect
from llamadesk.store.examine import damage_in
from llamadesk.store.lock import FolderLock
from llamadesk.store.migrations import MIGRATIONS, Migration, migrate
from llamadesk.store.problems import DATABASE_ERRORS, is_damage
from llamadesk.store.salvage import finish_interrupted, salvage


class OpenDatabase(msgspec.Struct, frozen=True, eq=False):
    """A database that is open, and what was done to it on the way.

    Attributes:
        recovered: what to tell the person where a damaged one was salvaged.
    """

    connection: sqlite3.Connection
    lock: FolderLock
    recovered: Problem | None

    def close(self) -> None:
        """Merge the WAL into the database and let others in."""
        try:
            # Not worth an error to a person: what was committed is safe in the WAL too.
            with suppress(*DATABASE_ERRORS):
                self.connection.execute("PRAGMA optimize")
                self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self.connection.close()
        finally:
            self.lock.release()


def open_database(folders: DataFolders, migrations: Sequence[Migration] = MIGRATIONS) -> OpenDatabase:
    """Lock, look, salvage where needed, open, migrate, and end replies that were cut off. On the store's thread.

    Raises:
        ProblemError: STORE_IN_USE or STORE_NEWER.
        sqlite3.Error, OSError: of the environment; `problems.explained` tells them in words.
    """
    folders.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FolderLock(beside(folders.database, ".lock"))
    try:
        finish_interrupted(folders)
        damage = _damage(folders, len(migrations))
        recovered = salvage(folders, migrations, damage) if damage else None
        try:
            connection = _prepared(folders, migrations)
        except DATABASE_ERRORS as error:
            if recovered is not None or not is_damage(error):
                raise
            # Damage outside the tables that were looked at.
            recovered = salvage(folders, migrations, str(error))
            connection = _prepared(folders, migrations)
        _suspicion(folders).unlink(missing_ok=True)
        return OpenDatabase(connection, lock, recovered)
    except BaseException:
        lock.release()
        raise


def suspect(folders: DataFolders) -> None:
    """The database proved damaged in use: the next start looks at all of it."""
    with suppress(OSError):
        _suspicion(folders).touch()


def _damage(folders: DataFolders, newest_schema: int) -> str | None:
    database = folders.database
    if database.exists() and database.stat().st_size == 0 and next(Backups(folders).newest_first(), None):
        return "the file is empty, but there are backups of it"
    return damage_in(database, newest_schema, thorough=_suspicion(folders).exists())


def _prepared(folders: DataFolders, migrations: Sequence[Migration]) -> sqlite3.Connection:
    connection = connect(folders.database)
    try:
        migrate(connection, migrations, lambda: Backups(folders).before_migration(connection))
        search.repairing(connection, lambda: search.ensure(connection))
        search.repairing(connection, lambda: messages.mark_interrupted(connection))
    except BaseException:
        connection.close()
        raise
    return connection


def _suspicion(folders: DataFolders) -> Path:
    return beside(folders.database, ".suspect")
