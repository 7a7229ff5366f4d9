"""What was measured of models on this machine, by keys of the caller's making. Blocking: on the store's thread."""

from __future__ import annotations

import logging
import sqlite3
from typing import TypeVar

import msgspec

from llamadesk.store.connection import transaction
from llamadesk.store.conversations import now

log = logging.getLogger(__name__)
_T = TypeVar("_T")


def get(connection: sqlite3.Connection, key: str, kind: type[_T]) -> _T | None:
    """What was learned under `key`; None where nothing was, or it cannot be read as a `kind`."""
    row = connection.execute("SELECT value FROM learned WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    try:
        return msgspec.json.decode(row[0], type=kind)
    except (msgspec.DecodeError, TypeError):
        log.warning("what was learned under %s cannot be read", key)
        return None


def under(connection: sqlite3.Connection, prefix: str, kind: type[_T]) -> dict[str, _T]:
    """Everything by its key whose key begins with `prefix`; what cannot be read as a `kind` is left out."""
    rows = connection.execute("SELECT key FROM learned WHERE substr(key, 1, length(?1)) = ?1", (prefix,)).fetchall()
    found = ((key, get(connection, key, kind)) for (key,) in rows)
    return {key: value for key, value in found if value is not None}


def put(connection: sqlite3.Connection, key: str, value: msgspec.Struct) -> None:
    """Keep what was learned under `key`, in place of what was there."""
    encoded = msgspec.json.encode(value).decode()
    with transaction(connection):
        connection.execute(
            "INSERT INTO learned (key, value, learned_at) VALUES (?1, ?2, ?3) "
            "ON CONFLICT (key) DO UPDATE SET value = ?2, learned_at = ?3",
            (key, encoded, now()),
        )


def forget(connection: sqlite3.Connection, prefix: str) -> None:
    """Let go of everything whose key begins with `prefix`."""
    with transaction(connection):
        connection.execute("DELETE FROM learned WHERE substr(key, 1, length(?1)) = ?1", (prefix,))
