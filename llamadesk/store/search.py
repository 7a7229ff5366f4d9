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
from llamadesk.store.problems import DATABASE_ERRORS, is_damage

log = logging.getLogger(__name__)
_T = TypeVar("_T")

_INDEX = "message_search"
_VIEW = "message_searchable"
_TERMS = "message_search_terms"
_SHADOWS = ("data", "idx", "content", "docsize", "config")
_CREATE_INDEX = (
    f"CREATE VIRTUAL TABLE {_INDEX} USING fts5("
    # detail=none: a quarter of the size of positions; what it finds is verified in the text
    f"content, content='{_VIEW}', content_rowid='id', tokenize='trigram', detail=none, columnsize=0)"
)
# More of one message would keep the next one waiting for seconds. The two characters at the end let a trigram begin at
# every character of the text, so that a search for one or two characters is a search for trigrams that begin so.
_INDEXED = "substr({row}.content, 1, 1000000) || char(31, 31)"
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
_FIND = "SELECT message.id, message.conversation_id, message.content FROM {source} WHERE {condition} ORDER BY {id} DESC"

_GRAM = 3
_MAX_GRAMS = 16  # of a term; the text is verified anyway
_MANY = 300  # trigrams that begin with a short term: then nearly every text has one
_NOWHERE = chr(31) * _GRAM  # in no text
_N_SAMPLES = 200  # messages that `is_sound` looks up
_MAX_QUERY = 500  # characters
_BEFORE, _AFTER = 40, 120  # characters of a snippet around the match


def ensure(connection: sqlite3.Connection) -> None:
    """Make the index where it is missing or of another version of LlamaDesk."""
    rows = connection.execute(f"SELECT name, sql FROM sqlite_schema WHERE name LIKE '{_INDEX}%' OR name = '{_VIEW}'")
    found = {name: sql for name, sql in rows if name in _OBJECTS}
    if found != _OBJECTS:
        rebuild(connection)


def rebuild(connection: sqlite3.Connection) -> None:
    """Drop the index, in whatever state it is, and make it again from the messages; all of it or nothing.

    Where the damage is not in the index alone, a salvage then finds the file as it was.
    """
    log.info("building the search index")
    with transaction(connection):
        _drop(connection)
        for sql in _OBJECTS.values():
            connection.execute(sql)
        connection.execute(f"INSERT INTO {_INDEX} ({_INDEX}) VALUES ('rebuild')")


def is_sound(connection: sqlite3.Connection) -> bool:
    """Whether the index is whole, and messages picked from all over are in it.

    About a second for a hundred thousand messages; to compare it with all of them would take ten times as long.
    """
    try:
        connection.execute(f"INSERT INTO {_INDEX} ({_INDEX}, rank) VALUES ('integrity-check', 0)")
        return all(_is_indexed(connection, message_id, text) for message_id, text in _samples(connection))
    except DATABASE_ERRORS as error:
        log.info("the search index is not sound: %s", error)
        return False


def repairing(connection: sqlite3.Connection, work: Callable[[], _T]) -> _T:
    """`work()`; where a damaged index makes it fail, the index is made again and the work is done once more.

    `work` must be one transaction, or only read.
    """
    try:
        return work()
    except DATABASE_ERRORS as error:
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
    grams = [_grams(term) if len(term) >= _GRAM else _grams_from(connection, term) for term in terms]
    query = " AND ".join(gram for gram in grams if gram)
    if query:
        source, condition = f"{_INDEX} JOIN message ON message.id = {_INDEX}.rowid", f"{_INDEX} MATCH ?"
        return connection.execute(_FIND.format(source=source, condition=condition, id=f"{_INDEX}.rowid"), (query,))
    # All terms are so common that the newest messages hold them.
    return connection.execute(_FIND.format(source="message", condition="status <> 'streaming'", id="message.id"))


def _grams(term: str) -> str:
    """An expression for the index: trigrams of the term, which all must occur."""
    starts = [*range(0, len(term) - _GRAM, _GRAM), len(term) - _GRAM]
    return " AND ".join(_quoted(term[start : start + _GRAM]) for start in starts[:_MAX_GRAMS])


def _grams_from(connection: sqlite3.Connection, term: str) -> str:
    """An expression for trigrams that begin with a shorter term, one of which must occur; "" where they are many."""
    connection.execute(f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.{_TERMS} USING fts5vocab(main, {_INDEX}, row)")
    first = term.lower() if len(term.lower()) == len(term) else term  # the index holds them so
    rows = connection.execute(
        f"SELECT term FROM temp.{_TERMS} WHERE term >= ? AND term < ? LIMIT ?", (first, first + chr(0x10FFFF), _MANY)
    ).fetchall()
    if len(rows) == _MANY:
        return ""
    return "(" + " OR ".join(_quoted(gram) for (gram,) in rows or [(_NOWHERE,)]) + ")"


def _samples(connection: sqlite3.Connection) -> list[tuple[MessageId, str]]:
    """The beginnings of messages, evenly spread."""
    (last,) = connection.execute("SELECT ifnull(max(id), 0) FROM message").fetchone()
    ids = range(last, 0, -max(1, last // _N_SAMPLES))
    return connection.execute(
        "SELECT id, substr(content, 1, 100) FROM message WHERE status <> 'streaming' "
        f"AND id IN ({', '.join(map(str, ids))})"
    ).fetchall()


def _is_indexed(connection: sqlite3.Connection, message_id: MessageId, text: str) -> bool:
    longest = max(text.replace("\0", " ").split(), key=len, default="")
    if len(longest) < _GRAM:
        return True
    query = f"SELECT 1 FROM {_INDEX} WHERE {_INDEX} MATCH ? AND rowid = ?"
    return connection.execute(query, (_grams(longest), message_id)).fetchone() is not None


def _quoted(gram: str) -> str:
    return '"' + gram.replace('"', '""') + '"'


def _snippet(content: str, start: int) -> str:
    """The text around a match, on one line."""
    first, last = max(0, start - _BEFORE), start + _AFTER
    piece = " ".join(content[first:last].replace("\0", " ").split())
    return f"{'…' if first else ''}{piece}{'…' if last < len(content) else ''}"


def _is_to_blame(connection: sqlite3.Connection, error: Exception) -> bool:
    """Whether the index, and not a table of messages, made the work fail."""
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_CORRUPT_VTAB:
        return True
    # All that FTS5 says where pieces of it are missing or wrong; a constraint of ours has an extended code.
    if code in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT) or isinstance(error, MemoryError):
        return not is_sound(connection)
    if not is_damage(error):
        return False
    try:
        return bool(connection.execute("PRAGMA quick_check(message)").fetchone() == ("ok",))
    except DATABASE_ERRORS:
        return False


def _drop(connection: sqlite3.Connection) -> None:
    for name in _OBJECTS:
        if name not in (_VIEW, _INDEX):
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
    connection.execute(f"DROP VIEW IF EXISTS {_VIEW}")
    try:
        connection.execute(f"DROP TABLE IF EXISTS {_INDEX}")
    except DATABASE_ERRORS as error:
        log.warning("the search index cannot be dropped as a whole: %s", error)
        _drop_in_pieces(connection)


def _drop_in_pieces(connection: sqlite3.Connection) -> None:
    """FTS5 cannot even open the index: forget it, then drop the plain tables it was made of."""
    connection.execute("PRAGMA writable_schema = ON")
    try:
        connection.execute("DELETE FROM sqlite_schema WHERE name = ?", (_INDEX,))
    finally:
        connection.execute("PRAGMA writable_schema = RESET")
    for shadow in _SHADOWS:
        with suppress(sqlite3.OperationalError, UnicodeDecodeError):  # not all need exist
            connection.execute(f"DROP TABLE IF EXISTS {_INDEX}_{shadow}")
