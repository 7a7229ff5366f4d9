"""The store as the rest of the app sees it: methods to await, all done in order by one thread of its own."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

import msgspec

from llamadesk.core.chat import (
    ChatOptions,
    Conversation,
    ConversationId,
    Message,
    MessageId,
    ReplyStats,
    Role,
    SearchHit,
    Status,
    Timestamp,
)
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.paths import DataFolders
from llamadesk.core.settings import Value
from llamadesk.store import conversations, learned, messages, report, search, values
from llamadesk.store.backups import Backups
from llamadesk.store.migrations import MIGRATIONS, Migration
from llamadesk.store.opening import OpenDatabase, open_database, suspect
from llamadesk.store.problems import explained
from llamadesk.store.report import DatabaseReport

log = logging.getLogger(__name__)
_P = ParamSpec("_P")
_T = TypeVar("_T")


class Store:
    """Chats and settings of one folder of data. Made by `Store.open`.

    Every method may raise `ProblemError` (STORE_FULL, STORE_READ_ONLY, STORE_DAMAGED, STORE_IN_USE, STORE_FAILED), and
    then nothing of what it was to write is written; it can be asked again. LookupError where there is no such
    conversation or message, and RuntimeError after `close`, are mistakes of the caller.

    Attributes:
        recovered: what to tell the person where `open` found a damaged database and salvaged it.
    """

    recovered: Problem | None

    def __init__(self, folders: DataFolders, migrations: Sequence[Migration]) -> None:
        self._folders = folders
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._closed = False
        try:
            self._database = self._thread.submit(self._open, migrations).result()
        except BaseException:
            self._thread.shutdown()
            raise
        self.recovered = self._database.recovered

    @classmethod
    def open(cls, folders: DataFolders, migrations: Sequence[Migration] = MIGRATIONS) -> Store:
        """Open the chats in `folders`, alone; blocking.

        A database of an older schema is migrated, with a backup before it; a damaged one is put aside and salvaged, see
        `recovered`. Replies that were still streaming when the app ended are INTERRUPTED now.

        Raises:
            ProblemError: STORE_READ_ONLY, STORE_FULL, STORE_DAMAGED, STORE_NEWER, STORE_IN_USE or STORE_FAILED.
        """
        return cls(folders, migrations)

    # --- Conversations ---

    async def conversations(self) -> list[Conversation]:
        """All that are not in the trash, newest first."""
        return await self._read(conversations.all_listed)

    async def create_conversation(self, title: str) -> Conversation:
        """A new one, without messages."""
        return await self._write(conversations.create, title)

    async def rename_conversation(self, conversation_id: ConversationId, title: str) -> Conversation:
        """Give it another title."""
        return await self._write(conversations.rename, conversation_id, title)

    async def trash_conversation(self, conversation_id: ConversationId) -> None:
        """Delete it so that it can be restored."""
        await self._write(conversations.trash, conversation_id)

    async def restore_conversation(self, conversation_id: ConversationId) -> Conversation:
        """Undo `trash_conversation`."""
        return await self._write(conversations.restore, conversation_id)

    async def purge_trash(self, older_than: Timestamp) -> int:
        """Delete for good what went into the trash before `older_than`; how many conversations that were."""
        return await self._write(conversations.purge_trash, older_than)

    async def set_draft(self, conversation_id: ConversationId, text: str) -> None:
        """Keep what was typed and not sent."""
        await self._write(conversations.set_draft, conversation_id, text)

    async def set_options(self, conversation_id: ConversationId, options: ChatOptions) -> Conversation:
        """Keep what the person chose for one chat."""
        return await self._write(conversations.set_options, conversation_id, options)

    async def to_be_purged(self, older_than: Timestamp) -> list[ConversationId]:
        """What `purge_trash` would delete."""
        return await self._read(conversations.purged, older_than)

    # --- Messages ---

    async def messages(self, conversation_id: ConversationId) -> list[Message]:
        """The path on screen, from the root to the leaf; one with a wrong checksum is marked `damaged`."""
        return await self._read(messages.path, conversation_id)

    async def add_message(
        self,
        conversation_id: ConversationId,
        parent_id: MessageId | None,
        role: Role,
        content: str,
        status: Status,
        model_name: str = "",
    ) -> Message:
        """Add a message below `parent_id`; on the disk when this returns.

        It becomes the conversation's leaf, and the conversation's `updated_at` the message's `created_at`.
        """
        return await self._write(messages.add, conversation_id, parent_id, role, content, status, model_name)

    async def begin_chat(self, title: str, content: str) -> tuple[Conversation, Message]:
        """A new conversation with the person's first message, in one commit."""
        return await self._write(messages.begin_chat, title, content)

    async def checkpoint_reply(self, message_id: MessageId, content: str, thought: str = "") -> None:
        """Keep what a reply has so far. One that had ended is STREAMING again: it is being gone on with."""
        await self._write(messages.checkpoint, message_id, content, thought)

    async def finish_reply(
        self, message_id: MessageId, content: str, status: Status, stats: ReplyStats | None = None, thought: str = ""
    ) -> Message:
        """Keep a whole reply, and how it ended (any status but STREAMING)."""
        return await self._write(messages.finish, message_id, content, status, stats, thought)

    async def set_pinned(self, message_id: MessageId, pinned: bool) -> Message:
        """Pin a message, or let it go."""
        return await self._write(messages.set_pinned, message_id, pinned)

    async def search(self, text: str, limit: int = 50) -> list[SearchHit]:
        """Conversations that hold every word of `text` in their title, or in one of their messages.

        Titles first, then by the newest message that matches. Cancelled while it waits, it costs nothing.
        """
        return await self._read(search.find, text, limit)

    # --- Settings ---

    async def settings(self) -> dict[str, object]:
        """Every stored value by key."""
        return await self._read(values.all_values)

    def read_settings_now(self) -> dict[str, object]:
        """The same, blocking; for the start, before an event loop runs."""
        return self._submit(values.all_values).result()

    async def set_setting(self, key: str, value: Value) -> None:
        """Keep a value."""
        await self._write(values.set_value, key, value)

    def set_setting_soon(self, key: str, value: Value) -> None:
        """Keep a value when the thread gets to it, at the latest on `close`; trouble is only logged."""
        self._submit(values.set_value, key, value).add_done_callback(partial(_log_failure, key))

    # --- What was learned of models ---

    async def learned(self, key: str, kind: type[_T]) -> _T | None:
        """What was measured under `key`; None where nothing was, or it cannot be read as a `kind`."""
        return await self._read(learned.get, key, kind)

    async def learned_under(self, prefix: str, kind: type[_T]) -> dict[str, _T]:
        """Everything by its key whose key begins with `prefix`; what cannot be read as a `kind` is left out."""
        return await self._read(learned.under, prefix, kind)

    async def learn(self, key: str, value: msgspec.Struct) -> None:
        """Keep what was measured under `key`."""
        await self._write(learned.put, key, value)

    async def unlearn(self, prefix: str) -> None:
        """Let go of everything whose key begins with `prefix`."""
        await self._write(learned.forget, prefix)

    # --- Care ---

    async def check(self) -> DatabaseReport:
        """Read and check everything, for `llamadesk doctor`."""
        return await self._read(report.check, self._folders)

    async def backup_if_due(self) -> bool:
        """Make today's backup unless there is one, for idle moments; True where it was made. Trouble is only logged.

        The search index is checked on the same occasion.
        """
        return await self._write(self._care)

    def close(self) -> None:
        """Finish all that was asked, merge the WAL into the database, release its locks; blocking, may be repeated."""
        if self._closed:
            return
        self._closed = True
        try:
            self._thread.submit(self._database.close).result()
        finally:
            self._thread.shutdown()

    # --- The thread ---

    async def _read(
        self, query: Callable[Concatenate[sqlite3.Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Await a query; cancelled before its turn, it is left out."""
        import asyncio  # noqa: PLC0415 - slow to import: not before there is a loop

        return await asyncio.wrap_future(self._submit(query, *args, **kwargs))

    async def _write(
        self, query: Callable[Concatenate[sqlite3.Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Await a write; it is done even where the one who waits is cancelled."""
        import asyncio  # noqa: PLC0415 - as in `_read`

        return await asyncio.shield(asyncio.wrap_future(self._submit(query, *args, **kwargs)))

    def _submit(
        self, query: Callable[Concatenate[sqlite3.Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> Future[_T]:
        if self._closed:
            raise RuntimeError("the store is closed")
        return self._thread.submit(self._run, lambda connection: query(connection, *args, **kwargs))

    def _run(self, query: Callable[[sqlite3.Connection], _T]) -> _T:
        connection = self._database.connection
        try:
            with explained(self._folders.root):
                return search.repairing(connection, lambda: query(connection))
        except ProblemError as error:
            log.error("the store failed: %s", error)
            if error.problem.code is ProblemCode.STORE_DAMAGED:
                suspect(self._folders)
            raise

    def _care(self, connection: sqlite3.Connection) -> bool:
        made = Backups(self._folders).daily_if_due(connection)
        # Damage to the index can make a search find too little without any error.
        if made and not search.is_sound(connection):
            search.rebuild(connection)
        return made

    def _open(self, migrations: Sequence[Migration]) -> OpenDatabase:
        with explained(self._folders.root):
            return open_database(self._folders, migrations)


def _log_failure(key: str, done: Future[None]) -> None:
    error = done.exception()
    if error is not None:
        log.error("the setting %s was not kept: %s", key, error)
