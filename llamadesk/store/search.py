"""Full-text search over titles and messages.

The index holds the trigrams of every finished message (so that Chinese or Japanese, written without spaces, is found)
and nothing else: what it finds is read again from the messages. It can be dropped and made again at any time; damage to
it never costs a message. A streaming reply is indexed when it is finished, not at each checkpoint.
"""

from __future__ import annotations

import itertools
import logging
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

from llamadesk.core.chat import ConversationId, MessageId, SearchHit
from llamadesk.store import conversations
from llamadesk.store.connection import storable, transaction
from llamadesk.store.problems import is_damage

log = logging.getLogger(__name__)
_T = TypeVar("_T")

_INDEX = "message_search"
_VIEW = "message_searchable"
_SHADOWS = ("data", "idx", "content", "docsize", "config")
_CREATE_INDEX = (
    f"CREATE VIRTUAL TABLE {_INDEX} USING fts5("
    # detail=none: a quarter of the size of positions; what it finds is verified in the text
    f"content, content='{_VIEW}', content_rowid='id', tokenize='trigram', detail=none, columnsize=0)"
)
_INDEXED = "substr({row}.content, 1, 1000000)"  # more of one message would keep the next one waiting for seconds
_REMOVE_OLD = f"INSERT INTO {_INDEX} ({_INDEX}, rowid, content) VALUES ('delete', old.id, {_INDEXED.format(row='old')})"
_ADD_NEW = f"INSERT INTO {_INDEX} (rowid, content) VALUES (new.id, {_INDEXED.format(row='new')})"
_OBJECTS = {
    _VIEW: (
        f"CREATE VIEW {_VIEW} AS SELECT id, {_INDEXED.format(row='message')} AS content FROM message "
        "WHERE status <> 'streaming'"
    ),
    _INDEX: _CREATE_INDEX,
    "message_search_insert": (
        "CREATE TRIGGER message_search_insert AFTER INSERT ON message "
        f"WHEN new.status <> 'streaming' BEGIN {_ADD_NEW}; END"
    ),
    "message_search_delete": (
        "CREATE TRIGGER message_search_delete AFTER DELETE ON message "
        f"WHEN old.status <> 'streaming' BEGIN {_REMOVE_OLD}; END"
    ),
    "message_search_outdate": (
        "CREATE TRIGGER message_search_outdate BEFORE UPDATE OF content, status ON message "
        f"WHEN old.status <> 'streaming' BEGIN {_REMOVE_OLD}; END"
    ),
    "message_search_update": (
        "CREATE TRIGGER message_search_update AFTER UPDATE OF content, status ON message "
        f"WHEN new.status <> 'streaming' BEGIN {_ADD_NEW}; END"
    ),
}
_FIND = (
    "SELECT message.id, message.conversation_id, message.content FROM {source} WHERE {condition} ORDER BY {order} DESC"
)

_GRAM = 3
_MAX_GRAMS = 24  # the text is verified anyway
_MAX_QUERY = 500  # characters
_BEFORE, _AFTER = 40, 120  # characters of a snippet around the match


def ensure(connection: sqlite3.Connection) -> None:
    """Make the index where it is missing or of another version of LlamaDesk."""
    rows = connection.execute(f"SELECT name, sql FROM sqlite_schema WHERE name LIKE '{_INDEX}%' OR name = '{_VIEW}'")
    found = {name: sql for name, sql in rows if name in _OBJECTS}
    if found != _OBJECTS:
        rebuild(connection)


def rebuild(connection: sqlite3.Connection) -> None:
    """Drop the index, in whatever state it is, and make it again from the messages."""
    log.info("building the search index")
    _drop(connection)
    with transaction(connection):
        for sql in _OBJECTS.values():
            connection.execute(sql)
        connection.execute(f"INSERT INTO {_INDEX} ({_INDEX}) VALUES ('rebuild')")


def is_sound(connection: sqlite3.Connection) -> bool:
    """Whether the index is whole and agrees with the messages; reads everything."""
    try:
        connection.execute(f"INSERT INTO {_INDEX} ({_INDEX}, rank) VALUES ('integrity-check', 1)")
    except sqlite3.DatabaseError as error:
        log.info("the search index is not sound: %s", error)
        return False
    return True


def repairing(connection: sqlite3.Connection, work: Callable[[], _T]) -> _T:
    """`work()`; where a damaged index makes it fail, the index is made again and the work is done once more.

    `work` must be one transaction, or only read.
    """
    try:
        return work()
    except sqlite3.DatabaseError as error:
        if not _is_to_blame(connection, error):
            raise
        log.warning("the search index is damaged and is made again: %s", error)
    rebuild(connection)
    return work()


def find(connection: sqlite3.Connection, text: str, limit: int) -> list[SearchHit]:
    """Conversations in which a title or a message holds every word of `text`, as a part of words too, in any case.

    Those whose title matches come first, then by their newest message that matches; each conversation once.
    """
    terms = storable(text[:_MAX_QUERY]).replace("\0", " ").split()
    if not terms or limit <= 0:
        return []
    patterns = [re.compile(re.escape(term), re.IGNORECASE) for term in terms]
    # The lists are short enough to look through: 5,000 titles take a few milliseconds.
    listed = conversations.all_listed(connection)
    hits = {c.id: SearchHit(c) for c in listed if all(pattern.search(c.title) for pattern in patterns)}
    hits = dict(itertools.islice(hits.items(), limit))
    by_id = {c.id: c for c in listed}
    for message_id, conversation_id, content in _candidates(connection, terms):
        if len(hits) >= limit:
            break
        if conversation_id in hits or conversation_id not in by_id:
            continue
        matches = [pattern.search(content) for pattern in patterns]
        if matches[0] and all(matches):
            snippet = _snippet(content, matches[0].start())
            hits[conversation_id] = SearchHit(by_id[conversation_id], snippet, message_id)
    return list(hits.values())


def _candidates(
    connection: sqlite3.Connection, terms: Sequence[str]
) -> Iterator[tuple[MessageId, ConversationId, str]]:
    """Messages that may hold all terms, newest first, read as they are asked for."""
    grams = _grams(terms)
    if grams:
        query = " ".join('"' + gram.replace('"', '""') + '"' for gram in grams)
        sql = _FIND.format(
            source=f"{_INDEX} JOIN message ON message.id = {_INDEX}.rowid",
            condition=f"{_INDEX} MATCH ?",
            order=f"{_INDEX}.rowid",
        )
        return connection.execute(sql, (query,))
    # Every term is shorter than a trigram: look through the texts themselves.
    conditions, values = [], []
    for term in dict.fromkeys(terms):
        spellings = sorted({term, term.lower(), term.upper(), term.title(), term.swapcase()})
        conditions.append("(" + " OR ".join("instr(content, ?)" for _ in spellings) + ")")
        values += spellings
    condition = " AND ".join(["status <> 'streaming'", *conditions])
    return connection.execute(_FIND.format(source="message", condition=condition, order="id"), values)


def _grams(terms: Sequence[str]) -> list[str]:
    """Trigrams that must all occur; spread over the terms, not overlapping where that is enough."""
    grams: dict[str, None] = {}
    for term in terms:
        if len(term) >= _GRAM:
            starts = [*range(0, len(term) - _GRAM, _GRAM), len(term) - _GRAM]
            grams.update(dict.fromkeys(term[start : start + _GRAM] for start in starts))
    return list(grams)[:_MAX_GRAMS]


def _snippet(content: str, start: int) -> str:
    """The text around a match, on one line."""
    first, last = max(0, start - _BEFORE), start + _AFTER
    piece = " ".join(content[first:last].replace("\0", " ").split())
    return f"{'…' if first else ''}{piece}{'…' if last < len(content) else ''}"


def _is_to_blame(connection: sqlite3.Connection, error: sqlite3.DatabaseError) -> bool:
    """Whether the index, and not a table of messages, made the work fail."""
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_CORRUPT_VTAB:
        return True
    # All that FTS5 says where pieces of it are missing or wrong; a constraint of ours has an extended code.
    if code in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT):
        return not is_sound(connection)
    if not is_damage(error):
        return False
    try:
        return bool(connection.execute("PRAGMA quick_check(message)").fetchone() == ("ok",))
    except sqlite3.DatabaseError:
        return False


def _drop(connection: sqlite3.Connection) -> None:
    for name in _OBJECTS:
        if name not in (_VIEW, _INDEX):
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
    connection.execute(f"DROP VIEW IF EXISTS {_VIEW}")
    try:
        connection.execute(f"DROP TABLE IF EXISTS {_INDEX}")
    except sqlite3.DatabaseError as error:
        log.warning("the search index cannot be dropped as a whole: %s", error)
        _drop_in_pieces(connection)


def _drop_in_pieces(connection: sqlite3.Connection) -> None:
    """FTS5 cannot even open the index: forget it, then drop the plain tables it was made of."""
    connection.execute("PRAGMA writable_schema = ON")
    try:
        with transaction(connection):
            connection.execute("DELETE FROM sqlite_schema WHERE name = ?", (_INDEX,))
    finally:
        connection.execute("PRAGMA writable_schema = RESET")
    for shadow in _SHADOWS:
        with suppress(sqlite3.OperationalError):  # some do not exist, by the options or by the damage
            connection.execute(f"DROP TABLE IF EXISTS {_INDEX}_{shadow}")
