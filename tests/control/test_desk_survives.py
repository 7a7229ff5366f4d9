"""What the whole desk (store, engine, control) survives, with the starter model in the real engine process."""

from __future__ import annotations

import os
import random
import signal
import sqlite3

import psutil
import pytest

from llamadesk.control.desk import Desk
from llamadesk.core.chat import Role, Status
from llamadesk.core.protocol import ENGINE_FLAG
from llamadesk.core.settings import CONTEXT_LENGTH, MAX_TOKENS
from llamadesk.state.engine import Phase
from tests.control.desk_driver import DeskDriver

KILLS = 25


def engine_pids() -> list[int]:
    """The engine processes of this one, without what they started themselves."""
    return [child.pid for child in psutil.Process().children() if ENGINE_FLAG in child.cmdline()]


def ready(driver: DeskDriver, desk: Desk) -> None:
    driver.until(lambda: desk.engine.status.phase is Phase.READY, 60)


@pytest.mark.timeout(600)
@pytest.mark.allow_log("engine_lost", "llamadesk.bridge", "llamadesk.engine")
def test_the_engine_is_killed_at_random_moments_of_replies(driver: DeskDriver) -> None:
    rng = random.Random(25)
    desk = driver.open()
    desk.preferences.set(CONTEXT_LENGTH, 2048)
    ready(driver, desk)
    n_killed = 0
    for _ in range(2 * KILLS):
        if n_killed == KILLS:
            break
        desk.chats.new_chat()
        desk.preferences.set(MAX_TOKENS, 0)
        desk.replies.send("Tell me a very long story about a llama, in many chapters.")
        driver.until(lambda: desk.replies.busy and len(desk.transcript.messages()) == 2)
        written = rng.choice([0, 0, 1, rng.randrange(2, 400)])
        driver.until(lambda n=written: len(desk.transcript.message(1).content) >= n or not desk.replies.busy)
        if not desk.replies.busy:
            continue  # a story that was shorter than that
        shown = desk.transcript.message(1).content
        for pid in engine_pids():
            os.kill(pid, signal.SIGKILL)
        driver.until(lambda: not desk.replies.busy)
        lost = desk.transcript.message(1)
        # Its end may have been on the way already; then it was not killed.
        assert lost.status in (Status.INTERRUPTED, Status.COMPLETE, Status.CUT_OFF)
        n_killed += lost.status is Status.INTERRUPTED
        assert lost.content.startswith(shown)
        desk.preferences.set(MAX_TOKENS, 3)
        desk.replies.send("Are you there?")
        driver.until(lambda: not desk.replies.busy, 60)
        answer = desk.transcript.message(3)
        assert answer.status in (Status.COMPLETE, Status.CUT_OFF), driver.notices
    database = driver.folders.database
    driver.close(desk)
    with sqlite3.connect(database) as connection:
        count = connection.execute("SELECT status, count(*) FROM message WHERE role = ? GROUP BY 1", ["assistant"])
        statuses = dict(count.fetchall())
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert statuses.pop("interrupted") == KILLS
    assert set(statuses) <= {"complete", "cut_off"}
    assert not engine_pids()


@pytest.mark.allow_log("prompt_too_long")
def test_a_message_of_a_megabyte(driver: DeskDriver) -> None:
    desk = driver.open()
    ready(driver, desk)
    text = "A sentence of a very long text that somebody pasted. " * 20_000
    desk.replies.send(text)
    driver.until(lambda: not desk.replies.busy, 60)
    question, answer = desk.transcript.messages()
    assert (question.role, question.content, answer.status) == (Role.USER, text, Status.FAILED)
    assert any("8,192" in notice.text for notice in driver.notices)
    driver.close(desk)
    assert driver.open().transcript.message(0).content == text
