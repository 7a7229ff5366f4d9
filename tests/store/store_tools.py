"""Helpers of the store's tests, and, run as a program, the nursery of processes that write until they are killed.

The nursery is one Python process that forks a child for each request, so that sixty kills do not cost sixty imports.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Coroutine
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

from llamadesk.core.chat import Message, Role, Status
from llamadesk.core.errors import ProblemError
from llamadesk.core.paths import DataFolders, data_folders
from llamadesk.store import opening
from llamadesk.store.front import Store
from llamadesk.store.migrations import MIGRATIONS, Migration

_T = TypeVar("_T")

NEXT_SCHEMA = (
    *MIGRATIONS,
    Migration(
        "a second step, for tests",
        (
            "ALTER TABLE conversation ADD COLUMN starred INTEGER NOT NULL DEFAULT 0",
            "CREATE TABLE tag (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT",
            "INSERT INTO tag (name) SELECT title FROM conversation",
            "CREATE INDEX tag_by_name ON tag (name)",
        ),
    ),
    Migration("a third", ("ALTER TABLE tag ADD COLUMN colour TEXT", "DROP INDEX tag_by_name")),
)


def wait(question: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(question)


async def fill(store: Store, n_chats: int, n_pairs: int, seed: int = 1) -> list[Message]:
    """Chats of question and answer; every message that was acknowledged."""
    chance, acknowledged = random.Random(seed), []
    for number in range(n_chats):
        chat, parent = await store.begin_chat(f"Chat {number}", text(chance))
        acknowledged.append(parent)
        for _ in range(n_pairs):
            reply = await store.add_message(chat.id, parent.id, Role.ASSISTANT, "", Status.STREAMING, "model")
            reply = await store.finish_reply(reply.id, text(chance), Status.COMPLETE)
            parent = await store.add_message(chat.id, reply.id, Role.USER, text(chance), Status.COMPLETE)
            acknowledged += [reply, parent]
    return acknowledged


def text(chance: random.Random) -> str:
    """Words, now and then so many that they need several pages."""
    words = ["the", "capital", "of", "France", "is", "Paris", "东京", "日本", "Straße", "naïve", "llama", "🦙"]
    return " ".join(chance.choices(words, k=chance.choice([3, 30, 100, 100, 1500])))


async def everything(store: Store) -> list[Message]:
    """The paths of all chats, by id."""
    found = [message for chat in await store.conversations() for message in await store.messages(chat.id)]
    return sorted(found, key=lambda message: message.id)


def raw(folders: DataFolders, *statements: str) -> None:
    """Change the database behind the store's back; no WAL stays."""
    with closing(sqlite3.connect(folders.database, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def files_of(folders: DataFolders) -> dict[str, bytes]:
    """Every file in the folder but its lock, with its bytes."""
    found = (path for path in folders.root.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(folders.root)): path.read_bytes() for path in found}


class Nursery:
    """The parent's side: starts the process that forks."""

    def __enter__(self) -> Nursery:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate(timeout=20)

    def ask(self, **request: object) -> int:
        """Fork a child for the request; its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._next()["pid"])

    def lines(self, pid: int, kill_after: float | None) -> list[dict[str, Any]]:
        """What the child said until it ended; SIGKILL comes `kill_after` seconds after its first words."""
        said: list[dict[str, Any]] = []
        deadline = None
        while "ended" not in (line := self._next()):
            said.append(line)
            deadline = deadline or time.monotonic() + (kill_after or 0)
            if kill_after is not None and time.monotonic() >= deadline:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        return said

    def _next(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the nursery died"
        return dict(json.loads(line))


# --- The nursery's own side ---


def _say(**line: object) -> None:
    os.write(1, (json.dumps(line) + "\n").encode())  # one write, shorter than PIPE_BUF: never half a line


async def _write_for_ever(folders: DataFolders, seed: int) -> None:
    """Acknowledge each message once the store has it."""
    chance, store = random.Random(seed), Store.open(folders)
    _say(opened=True)
    while True:
        chat, message = await store.begin_chat("A chat", text(chance))
        _say(id=message.id, words=len(message.content))
        for _ in range(chance.randrange(4)):
            reply = await store.add_message(chat.id, message.id, Role.ASSISTANT, "", Status.STREAMING)
            for _ in range(chance.randrange(3)):
                await store.checkpoint_reply(reply.id, text(chance))
            reply = await store.finish_reply(reply.id, text(chance), Status.COMPLETE)
            _say(id=reply.id, words=len(reply.content))
            message = await store.add_message(chat.id, reply.id, Role.USER, text(chance), Status.COMPLETE)
            _say(id=message.id, words=len(message.content))
            await store.set_draft(chat.id, "a draft")


def _open_until_statement(folders: DataFolders, statement: int) -> None:
    """Open with the next schema, and die just before the given statement; `done` where there are fewer."""
    count = itertools.count(1)

    def trace(_sql: str) -> None:
        if next(count) == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    connect = opening.connect

    def traced(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.set_trace_callback(trace)
        return connection

    opening.connect = traced  # type: ignore[attr-defined]
    store = Store.open(folders, NEXT_SCHEMA)
    store.close()
    _say(done=True)


def _start(folders: DataFolders) -> None:
    """One of many starts at once."""
    try:
        store = Store.open(folders)
    except ProblemError as error:
        _say(code=error.problem.code.value)
        return
    _say(code="open")
    time.sleep(1.0)
    store.close()


def _child(request: dict[str, Any]) -> None:
    folders = data_folders(request["folder"])
    if request["do"] == "write":
        asyncio.run(_write_for_ever(folders, request["seed"]))
    elif request["do"] == "migrate":
        _open_until_statement(folders, request["statement"])
    else:
        n_children = request["starts"]
        for _ in range(n_children):
            if os.fork() == 0:
                _start(folders)
                os._exit(0)
        for _ in range(n_children):
            os.wait()


def main() -> None:
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                _say(pid=os.getpid())
                _child(json.loads(line))
            finally:
                os._exit(1)
        os.waitpid(pid, 0)
        _say(ended=True)


if __name__ == "__main__":
    main()
