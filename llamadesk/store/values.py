"""Queries about the settings' values. Blocking: called on the store's thread."""

from __future__ import annotations

import logging
import sqlite3

import msgspec

from llamadesk.core.settings import Value
from llamadesk.store.connection import storable, transaction

log = logging.getLogger(__name__)


def all_values(connection: sqlite3.Connection) -> dict[str, object]:
    """Every value that was stored, by key; one that cannot be read is left out."""
    values: dict[str, object] = {}
    for key, value in connection.execute("SELECT key, value FROM setting"):
        try:
            values[key] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            log.warning("the setting %s cannot be read", key)
    return values


def set_value(connection: sqlite3.Connection, key: str, value: Value) -> None:
    """Keep a value."""
    encoded = msgspec.json.encode(storable(value) if isinstance(value, str) else value).decode()
    with transaction(connection):
        connection.execute(
            "INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, encoded),
        )
