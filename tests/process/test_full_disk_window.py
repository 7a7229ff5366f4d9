"""The real window while its disk is full or turns read-only: it says so, it lives, and nothing is lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from small_disks import BreakableDisk, fill_disk

from llamadesk.core.chat import Role, Status
from llamadesk.core.settings import MAX_TOKENS
from tests.process.window_driver import MakeWindowDriver, WindowDriver

STORY = "Tell me a very long story about a llama, in many chapters."
FULL = "The disk is full"
SAVED = "saved now"
UNWRITABLE = "could not be read or written"
pytestmark = pytest.mark.allow_log("store_full", "store_failed", "store_read_only", "no daily backup")


def ask(window: WindowDriver, question: str) -> None:
    """A short question and its whole answer."""
    window.desk.preferences.set(MAX_TOKENS, 4)
    n_before = len(window.messages)
    window.send(question)
    window.driver.until(lambda: len(window.messages) == n_before + 2 and not window.desk.replies.busy, 60)
    asked, answer = window.messages[-2:]
    assert (asked.role, asked.content) == (Role.USER, question)
    assert answer.content
    assert answer.status in (Status.COMPLETE, Status.CUT_OFF)


def begin_story(window: WindowDriver, n_characters: int = 60) -> None:
    """A long reply that has begun to be written."""
    window.desk.preferences.set(MAX_TOKENS, 0)
    n_before = len(window.messages)
    window.send(STORY)
    window.driver.until(lambda: len(window.messages) == n_before + 2)
    window.driver.until(lambda: len(window.messages[-1].content) > n_characters)


def check_kept(data: Path, window: WindowDriver) -> None:
    """Close, look into the file itself, and open again: it is all there."""
    before = window.messages
    window.close()
    with closing(sqlite3.connect(data / "llamadesk.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT count(*) FROM message WHERE status = 'streaming'").fetchone() == (0,)
    window.open()
    assert window.messages == before


def told(window: WindowDriver, words: str) -> int:
    """How often the person was told something, whether that is still on screen or not."""
    return sum(words in notice.text for notice in window.driver.notices)


def test_a_message_sent_on_a_full_disk_comes_back(small_disk: Path, make_window_driver: MakeWindowDriver) -> None:
    window = make_window_driver(small_disk / "data")
    window.open()
    ask(window, "Hello?")
    filler = fill_disk(small_disk)
    before = window.messages
    window.send("Is there any room?")
    window.driver.until(lambda: window.typed == "Is there any room?")
    window.driver.until(lambda: not window.desk.replies.busy)
    (notice,) = window.notices
    assert FULL in notice
    assert str(small_disk) in notice
    assert window.messages == before
    window.check_alive()

    filler.unlink()
    window.press_enter()
    window.driver.until(lambda: len(window.messages) == 4 and not window.desk.replies.busy, 60)
    assert window.messages[2].content == "Is there any room?"
    assert window.typed == ""
    check_kept(small_disk / "data", window)


def test_a_draft_typed_on_a_full_disk_is_kept_once_there_is_room(
    small_disk: Path, make_window_driver: MakeWindowDriver
) -> None:
    window = make_window_driver(small_disk / "data")
    window.open()
    ask(window, "Hello?")
    filler = fill_disk(small_disk)
    window.type("A thought")
    window.driver.until(lambda: told(window, FULL))
    window.type(" that I had.")
    window.driver.pause(1.0)  # the rest of it was tried as well, and that is not worth telling again
    assert told(window, FULL) == 1
    window.check_alive()
    filler.unlink()
    check_kept(small_disk / "data", window)
    assert window.typed == "A thought that I had."


@pytest.mark.parametrize("waits", [True, False], ids=["goes on", "closes at once"])
def test_a_disk_that_fills_up_in_the_middle_of_a_reply(
    small_disk: Path, make_window_driver: MakeWindowDriver, waits: bool
) -> None:
    window = make_window_driver(small_disk / "data")
    window.open()
    begin_story(window)
    filler = fill_disk(small_disk)
    window.driver.until(lambda: told(window, FULL))
    n_characters = len(window.messages[-1].content)
    window.driver.until(lambda: len(window.messages[-1].content) > n_characters + 200)
    window.driver.pause(2.0)  # it is tried again and again, and told once
    window.stop()
    window.driver.until(lambda: not window.desk.replies.busy)
    reply = window.messages[-1]
    assert reply.status is Status.STOPPED
    assert len(reply.content) > n_characters + 200
    assert told(window, FULL) == 1
    assert window.shown_has(reply.content)
    window.check_alive()

    window.desk.chats.new_chat()
    window.desk.chats.open(reply.conversation_id)
    window.driver.until(lambda: window.messages)
    assert window.messages[-1] == reply

    filler.unlink()
    if waits:
        window.driver.until(lambda: told(window, SAVED))
        ask(window, "And then?")
    check_kept(small_disk / "data", window)


def test_a_disk_that_stays_full_until_the_end(small_disk: Path, make_window_driver: MakeWindowDriver) -> None:
    window = make_window_driver(small_disk / "data")
    window.open()
    begin_story(window, 300)
    window.driver.pause(1.0)  # there is a checkpoint
    filler = fill_disk(small_disk)
    window.driver.until(lambda: told(window, FULL))
    written = window.messages[-1].content
    window.close()
    filler.unlink()
    window.open()
    question, reply = window.messages
    assert question.content == STORY
    assert reply.status is Status.INTERRUPTED
    assert reply.content
    assert written.startswith(reply.content)
    ask(window, "Go on.")


def test_a_disk_that_fills_up_between_a_question_and_its_reply(
    small_disk: Path, make_window_driver: MakeWindowDriver
) -> None:
    window = make_window_driver(small_disk / "data")
    window.open()
    fillers: list[Path] = []

    def fill_once() -> None:
        if not fillers:
            fillers.append(fill_disk(small_disk))

    window.desk.transcript.rowsInserted.connect(fill_once)
    window.send(STORY)
    window.driver.until(lambda: told(window, FULL))
    window.until_ready()
    (question,) = window.messages
    assert question.content == STORY
    assert window.shown_has(STORY)
    window.check_alive()
    fillers[0].unlink()
    ask(window, "Are you there?")
    check_kept(small_disk / "data", window)


def test_a_disk_that_turns_read_only_in_the_middle_of_a_reply(
    breakable_disk: BreakableDisk, make_window_driver: MakeWindowDriver
) -> None:
    window = make_window_driver(breakable_disk.place / "data")
    window.open()
    begin_story(window, 300)
    window.driver.pause(1.0)  # there is a checkpoint
    breakable_disk.turn_read_only()
    window.driver.until(lambda: told(window, UNWRITABLE))
    n_characters = len(window.messages[-1].content)
    window.driver.until(lambda: len(window.messages[-1].content) > n_characters + 100)
    window.stop()
    window.driver.until(lambda: not window.desk.replies.busy)
    question, reply = before = window.messages
    assert window.shown_has(reply.content)
    window.send("Can you still write?")
    window.driver.until(lambda: window.typed == "Can you still write?")
    assert window.messages == before
    (notice,) = window.notices
    assert UNWRITABLE in notice
    assert str(breakable_disk.place) in notice
    window.check_alive()

    window.close()
    breakable_disk.mend()
    window.open()
    assert told(window, "salvage") == told(window, "damaged") == 0
    kept_question, kept_reply = window.messages
    assert kept_question == question
    assert kept_reply.status is Status.INTERRUPTED
    assert kept_reply.content
    assert reply.content.startswith(kept_reply.content)
    ask(window, "Can you write again?")
    check_kept(breakable_disk.place / "data", window)
