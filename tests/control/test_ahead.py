"""The chat on screen and what is typed are read before they are sent."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_models import TinyModel, write_tiny_llama

from llamadesk.control.ahead import PAUSE_MS
from llamadesk.control.desk import Desk
from llamadesk.core.chat import Message, Status
from llamadesk.core.protocol import Prepared
from llamadesk.core.settings import CACHE_DISK, CONTEXT_LENGTH, MAX_TOKENS, OVERFLOW, READ_AHEAD
from llamadesk.core.start import StartMode
from llamadesk.state.engine import Phase
from tests.control.desk_driver import DeskDriver

QUESTION = "What does the dog of the man in the house of the world do all day, and why? " * 4


class Watched:
    """A desk and what its engine has prepared."""

    def __init__(self, driver: DeskDriver, desk: Desk) -> None:
        self.driver = driver
        self.desk = desk
        self.prepared: list[Prepared] = []
        desk._rooms.client.prepared.connect(lambda _id, prepared: self.prepared.append(prepared))

    def until_prepared(self) -> Prepared:
        count = len(self.prepared)
        self.driver.until(lambda: len(self.prepared) > count)
        return self.prepared[-1]

    def reply(self, text: str) -> Message:
        self.desk.replies.send(text)
        self.driver.until(lambda: not self.desk.replies.busy)
        message = self.desk.transcript.messages()[-1]
        assert message.status in (Status.COMPLETE, Status.CUT_OFF), message
        return message


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_llama(tmp_path / "tiny.gguf", TinyModel(n_ctx_train=2048))


@pytest.fixture
def open_desk(driver: DeskDriver, model: Path) -> Callable[..., Watched]:
    def begin(before: Callable[[Desk], object] = lambda _: None, mode: StartMode | None = None) -> Watched:
        def prepare(desk: Desk) -> None:
            desk.preferences.set(CONTEXT_LENGTH, 2048)
            desk.preferences.set(MAX_TOKENS, 8)
            desk.preferences.set(OVERFLOW, "stop")
            desk.ahead._machine.on_battery = lambda: False  # type: ignore[method-assign]
            before(desk)

        desk = driver.open(model=model, before=prepare, mode=mode or StartMode())
        watched = Watched(driver, desk)
        driver.until(lambda: desk.engine.status.phase is Phase.READY)
        return watched

    return begin


def kept(folder: Path) -> list[Path]:
    """The chats whose states lie there; folders may go while it looks."""
    return [Path(parent) for parent, _, files in os.walk(folder) if "index" in files]


def test_a_draft_is_read_in_a_pause_and_not_again_when_it_is_sent(open_desk: Callable[..., Watched]) -> None:
    watched = open_desk()
    watched.desk.chats.save_draft(QUESTION + "And then wor")
    prepared = watched.until_prepared()
    while prepared.n_total < 100:  # the new chat itself was read first
        prepared = watched.until_prepared()
    assert prepared.whole
    stats = watched.reply(QUESTION + "And then work?").stats
    assert stats is not None
    assert stats.n_prompt - stats.n_reused < 40


def test_a_chat_that_is_opened_is_read_also_after_a_restart(
    driver: DeskDriver, open_desk: Callable[..., Watched]
) -> None:
    watched = open_desk()
    watched.reply(QUESTION)
    first = watched.desk.chats.current
    assert first is not None
    folder = driver.folders.snapshots
    driver.until(lambda: kept(folder))
    driver.close(watched.desk)

    watched = open_desk()
    prepared = watched.until_prepared()
    assert prepared.n_reused > 200
    stats = watched.reply("And then?").stats
    assert stats is not None
    assert stats.n_reused > 200
    watched.desk.chats.delete(first.id)
    driver.until(lambda: not kept(folder))
    driver.pause(2 * PAUSE_MS / 1000)
    assert not kept(folder)


@pytest.mark.parametrize("why", ["battery", "setting"])
def test_nothing_is_read_ahead_where_it_shall_not_be(open_desk: Callable[..., Watched], why: str) -> None:
    def forbid(desk: Desk) -> None:
        if why == "battery":
            desk.ahead._machine.on_battery = lambda: True  # type: ignore[method-assign]
        else:
            desk.preferences.set(READ_AHEAD, False)

    watched = open_desk(forbid)
    watched.desk.chats.save_draft(QUESTION)
    watched.driver.pause(4 * PAUSE_MS / 1000)
    assert not watched.prepared
    stats = watched.reply(QUESTION).stats
    assert stats is not None
    assert stats.n_reused == 0


def test_what_an_engine_did_not_read_is_not_asked_for_over_and_over(driver: DeskDriver, model: Path) -> None:
    desk = driver.open(driver.fake({}), model=model)
    watched = Watched(driver, desk)
    desk.ahead._machine.on_battery = lambda: False  # type: ignore[method-assign]
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    desk.chats.save_draft(QUESTION)
    watched.until_prepared()
    count = len(watched.prepared)
    driver.pause(4 * PAUSE_MS / 1000)
    assert len(watched.prepared) == count


def test_the_disk_is_left_alone_in_safe_mode_and_emptied_at_zero(
    driver: DeskDriver, open_desk: Callable[..., Watched], model: Path
) -> None:
    folder = driver.folders.snapshots
    watched = open_desk()
    watched.reply(QUESTION)
    driver.until(lambda: kept(folder))
    driver.close(watched.desk)
    before = {path: path.read_bytes() for path in folder.glob("*/*/*")}

    watched = open_desk(mode=StartMode(safe=True))
    watched.reply(QUESTION)
    driver.pause(2.5)
    assert {path: path.read_bytes() for path in folder.glob("*/*/*")} == before
    driver.close(watched.desk)

    watched = open_desk()
    watched.desk.preferences.set(CACHE_DISK, 0)
    driver.until(lambda: not list(folder.glob("*/*")))
