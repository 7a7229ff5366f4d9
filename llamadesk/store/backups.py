"""Verified copies of the database: one before each migration, and one each day that the app is used."""

from __future__ import annotations

import datetime
import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from llamadesk.core.errors import ProblemError
from llamadesk.core.paths import DataFolders
from llamadesk.store.connection import beside, connect_to_look, sync_to_disk
from llamadesk.store.examine import TABLES
from llamadesk.store.migrations import schema_version
from llamadesk.store.problems import explained

log = logging.getLogger(__name__)

KEEP_DAILY = 7
KEEP_MIGRATION = 3
_DAILY, _MIGRATION = "daily", "before-migration"


class Backups:
    """The folder of backups. Blocking: used on the store's thread."""

    def __init__(self, folders: DataFolders) -> None:
        self._folders = folders

    def before_migration(self, connection: sqlite3.Connection) -> Path:
        """A copy before the schema changes.

        Raises:
            sqlite3.Error, OSError: there is none (the disk is full, or the database itself is damaged).
        """
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d-%H%M%S")
        return self._make(connection, _MIGRATION, stamp, KEEP_MIGRATION)

    def daily_if_due(self, connection: sqlite3.Connection) -> bool:
        """Today's copy, unless there is one; True where it was made.

        Nobody waits for it: trouble is logged, and the next day is another chance.
        """
        today = _today()
        folder, size = self._folders.backups, self._folders.database.stat().st_size
        if any(today in path.name for path in self._named(_DAILY)):
            return False
        if shutil.disk_usage(self._folders.root).free < 3 * size:
            log.warning("no daily backup: the disk is nearly full")
            return False
        try:
            with explained(folder):
                self._make(connection, _DAILY, today, KEEP_DAILY)
        except ProblemError as error:
            log.warning("no daily backup: %s", error)
            return False
        return True

    def newest_first(self) -> Iterator[Path]:
        """Every backup, the newest first by the time of its file."""
        found = [*self._named(_DAILY), *self._named(_MIGRATION)]
        return iter(sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True))

    def _make(self, connection: sqlite3.Connection, kind: str, stamp: str, keep: int) -> Path:
        folder = self._folders.backups
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = folder / f"llamadesk-{kind}-{stamp}-v{schema_version(connection)}.db"
        partial = beside(target, ".partial")
        partial.unlink(missing_ok=True)
        try:
            partial.touch(mode=0o600)
            with closing(sqlite3.connect(partial, isolation_level=None)) as copy:
                connection.backup(copy)
            with closing(connect_to_look(partial)) as copy:
                _verify(connection, copy)
            sync_to_disk(partial)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        self._thin(kind, keep, target)
        return target

    def _named(self, kind: str) -> list[Path]:
        return list(self._folders.backups.glob(f"llamadesk-{kind}-*.db"))

    def _thin(self, kind: str, keep: int, newest: Path) -> None:
        """Keep the newest; a date in the future comes from a clock that was wrong, and goes first."""
        today = _today()
        others = [path for path in self._named(kind) if path != newest]
        others.sort(key=lambda path: (_date(path) <= today, path.name), reverse=True)
        for path in others[keep - 1 :]:
            path.unlink(missing_ok=True)


def _verify(original: sqlite3.Connection, copy: sqlite3.Connection) -> None:
    (verdict,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        error = sqlite3.DatabaseError(f"the copy is not sound: {verdict}")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error
    for table in TABLES:
        count = f"SELECT count(*) FROM {table}"
        if original.execute(count).fetchone() != copy.execute(count).fetchone():
            raise OSError(f"the copy lacks rows of {table}")


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def _date(path: Path) -> str:
    """The date in the name of a backup, YYYY-MM-DD."""
    for kind in (_DAILY, _MIGRATION):
        prefix = f"llamadesk-{kind}-"
        if path.name.startswith(prefix):
            return path.name[len(prefix) :][:10]
    return ""
