"""The whole app is killed at random moments of 25 chats: what the window had shown as sent is kept."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.e2e.window import StartWindow

CHATS = 25
ENGINE_ENDS_WITHIN_SECONDS = 5.0


def _wait_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, ENGINE_ENDS_WITHIN_SECONDS)
    assert not alive, f"engine processes outlived the app: {alive}"


def _check(database: Path, sent: list[str]) -> None:
    """Read with another program than ours, after the app is dead."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        kept = {content for (content,) in connection.execute("SELECT content FROM message WHERE role = 'user'")}
    assert set(sent) <= kept


@pytest.mark.timeout(600)
def test_killed_in_25_chats(start_window: StartWindow, tmp_path: Path) -> None:
    chance = random.Random(20_251)
    database = tmp_path / "data" / "llamadesk.db"
    sent: list[str] = []
    for chat in range(CHATS):
        with start_window() as window:
            window.press("New chat")
            if chance.random() < 0.7:
                window.wait_ready()  # else it is killed during the load, with the message waiting or refused
            text = f"Chat {chat}: count from one to fifty, please."
            window.type(text)
            window.press("Send")
            deadline = time.monotonic() + chance.uniform(0.0, 2.0)
            while True:
                if text in window.transcript() and text not in sent:
                    sent.append(text)
                if time.monotonic() >= deadline:
                    break
            engines = window.engines()
            window.kill()
        _wait_gone(engines)
        _check(database, sent)
    assert len(sent) > CHATS // 2, "too few messages were seen as sent for this to mean anything"

    window = start_window()  # and the window opens on all of it
    window.wait_until("the chats", lambda: len(window.chats()) >= len(sent))
    window.close()
    with closing(sqlite3.connect(database)) as connection:
        left = connection.execute("SELECT count(*) FROM message WHERE status = 'streaming'").fetchone()
    assert left == (0,), "an unfinished reply is marked as interrupted"
