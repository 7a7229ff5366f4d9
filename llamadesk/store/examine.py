"""A look at a database file before it is opened: is it ours, is it too new, is it damaged? Not a byte of it changes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.store.connection import connect_to_look, forget_look
from llamadesk.store.migrations import APPLICATION_ID, schema_version
from llamadesk.store.problems import DATABASE_ERRORS, primary_code, store_problem

TABLES = ("conversation", "message", "setting")
_SMALLEST_PAGE = 512
# Not damage, but the world around the file; the caller explains them.
_AROUND = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_IOERR,
)


def damage_in(path: Path, newest_schema: int, *, thorough: bool = False) -> str | None:
    """What is wrong with the database at `path`; None where it is sound, new, or not there yet.

    Args:
        path: the database; the caller holds the lock of its folder.
        newest_schema: the schema version that this app knows.
        thorough: check indexes and the search index too (slower), not only the tables that hold what cannot be remade.

    Raises:
        ProblemError: STORE_NEWER.
        sqlite3.Error: it cannot be looked at.
    """
    size = path.stat().st_size if path.exists() else 0
    if size == 0:
        return None
    if size < _SMALLEST_PAGE:  # SQLite would take it for a new database, and write over it
        return f"it is no database ({size} bytes)"
    try:
        with closing(connect_to_look(path)) as connection:
            return _damage(connection, path, newest_schema, thorough)
    except DATABASE_ERRORS as error:
        if primary_code(error) in _AROUND:
            raise
        return str(error)
    finally:
        forget_look(path)


def _damage(connection: sqlite3.Connection, path: Path, newest_schema: int, thorough: bool) -> str | None:
    version = schema_version(connection)
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    if owner != APPLICATION_ID:
        (things,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        return f"it is not a database of LlamaDesk (application_id {owner})" if things or version else None
    if version > newest_schema:
        detail = f"schema version {version}, this app knows {newest_schema}"
        raise ProblemError(store_problem(ProblemCode.STORE_NEWER, path.parent, detail))
    checks = ["integrity_check"] if thorough else [f"quick_check({table})" for table in TABLES]
    for check in checks:
        (verdict,) = connection.execute(f"PRAGMA {check}").fetchone()
        if verdict != "ok":
            return str(verdict)
    return None
