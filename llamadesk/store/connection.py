"""How the database is opened, and what a transaction is."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from llamadesk.core.disk import sync_file, sync_folder

_BUSY_SECONDS = 2.0
_PRAGMAS = (
    # Before WAL is turned on, so that its index lies in this process's memory and no second process gets in.
    "locking_mode = EXCLUSIVE",
    "page_size = 4096",
    "journal_mode = WAL",
    "synchronous = FULL",  # what was acknowledged survives a power cut
    "fullfsync = ON",  # macOS: past the drive's own cache; nothing elsewhere
    "checkpoint_fullfsync = ON",
    "journal_size_limit = 8388608",
    "foreign_keys = ON",
    "cell_size_check = ON",  # damage is noticed where it is, not later
    "trusted_schema = ON",  # triggers keep the search index, which some builds would forbid
    "temp_store = MEMORY",
    "cache_size = -16000",
)


def text_from(raw: bytes) -> str:
    """Text as it was stored; damaged bytes become U+FFFD instead of an exception."""
    return raw.decode("utf-8", "replace")


def storable(text: str) -> str:
    """`text` as UTF-8 can hold it: halves of surrogate pairs are joined where they belong together, else replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def connect(path: Path) -> sqlite3.Connection:
    """Open the database for reading and writing, alone; it is made where it is missing.

    Only the calling thread may use the connection. Transactions are begun by `transaction` alone.

    Raises:
        sqlite3.Error: it cannot be opened.
        OSError: it cannot be made.
    """
    # Made here, so that only its owner may read it; SQLite gives its other files the same mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_SECONDS)
    try:
        connection.text_factory = text_from
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_look(path: Path) -> sqlite3.Connection:
    """Open a database that must not change in any byte; nobody else may have it open.

    Without a WAL, not even a lock is taken and no file appears beside it. With one, SQLite needs its index (-shm) while
    the connection lives; `forget_look` removes that.
    """
    mode = "mode=ro" if has_wal(path) else "immutable=1"
    connection = sqlite3.connect(f"{_uri(path)}?{mode}", uri=True, isolation_level=None, timeout=_BUSY_SECONDS)
    connection.text_factory = text_from
    return connection


def forget_look(path: Path) -> None:
    """Remove what `connect_to_look` needed beside the database."""
    beside(path, "-shm").unlink(missing_ok=True)


def beside(path: Path, suffix: str) -> Path:
    """The file that belongs to the database `path`: its name with `suffix` added."""
    return path.with_name(path.name + suffix)


def has_wal(path: Path) -> bool:
    """Whether commits wait in the write-ahead log (the last session did not end by itself)."""
    wal = beside(path, "-wal")
    return wal.exists() and wal.stat().st_size > 0


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that the block writes, or nothing: committed and synced when the block ends."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has already rolled back after some errors, a full disk among them.
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def sync_to_disk(path: Path) -> None:
    """Make sure that the file is on the disk under its name."""
    sync_file(path)
    sync_folder(path.parent)


def _uri(path: Path) -> str:
    posix = path.absolute().as_posix()
    return "file://" + quote(posix if posix.startswith("/") else f"/{posix}", safe="/:")
