"""A model that is left alone gives its memory back and comes again by itself; the engine is looked after on waking."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from llamadesk.control import waking
from llamadesk.control.desk import Desk
from llamadesk.control.pulse import BEAT_SECONDS
from llamadesk.core.chat import Status
from llamadesk.core.protocol import Hello
from llamadesk.core.settings import CONTEXT_LENGTH, IDLE_MINUTES, MAX_TOKENS, TEMPERATURE, TUNING
from llamadesk.state.engine import Phase
from tests.control.desk_driver import DeskDriver

MEGABYTE = 1024 * 1024


class Clock:
    """Says the time that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Sleeper:
    """A desk whose clocks are the test's, with a loaded model."""

    def __init__(self, driver: DeskDriver, model: Path) -> None:
        self.driver = driver
        self.clock = Clock()
        self.wall = Clock()
        self.pids: list[int] = []
        self.desk = driver.open(model=model, before=self._prepare)
        self.until(Phase.READY)
        self.beat()  # the clocks jumped from real ones to these

    def _prepare(self, desk: Desk) -> None:
        desk.preferences.set(CONTEXT_LENGTH, 2048)
        desk.preferences.set(MAX_TOKENS, 4)
        desk.preferences.set(TEMPERATURE, 0.0)
        desk.preferences.set(IDLE_MINUTES, 5)
        desk.preferences.set(TUNING, False)  # it would begin where the machine has nothing else to do
        desk.upkeep.activity._clock = self.clock
        desk.upkeep.pulse._wall_clock = self.wall
        desk.upkeep.activity.note()
        desk._rooms.client.started.connect(self._on_started)

    def _on_started(self, hello: Hello) -> None:
        self.pids.append(hello.pid)

    def until(self, phase: Phase) -> None:
        self.driver.until(lambda: self.desk.engine.status.phase is phase, 60)

    def pass_time(self, seconds: float) -> None:
        """So long passes awake, and a beat comes."""
        self.clock.now += seconds
        self.beat()

    def beat(self) -> None:
        self.wall.now += BEAT_SECONDS
        self.desk.upkeep.pulse.look()

    def sleep(self, seconds: float) -> None:
        """The machine sleeps so long; its monotonic clock goes on (as on Windows)."""
        self.clock.now += seconds
        self.wall.now += seconds
        self.beat()

    @property
    def held(self) -> int:
        """Main memory of the engine in bytes, without pages that the system can take back at any moment."""
        return psutil.Process(self.pids[-1]).memory_full_info().uss


@pytest.fixture
def sleeper(driver: DeskDriver, starter_model: Path) -> Sleeper:
    return Sleeper(driver, starter_model)


def replied(sleeper: Sleeper) -> None:
    messages = sleeper.desk.transcript.messages
    sleeper.driver.until(lambda: messages() and messages()[-1].status is Status.CUT_OFF, 60)
    sleeper.driver.until(lambda: not sleeper.desk.replies.busy)


def test_it_rests_and_a_message_brings_it_back(sleeper: Sleeper) -> None:
    desk = sleeper.desk
    desk.replies.send("What is the capital of France?")
    replied(sleeper)
    held = sleeper.held
    sleeper.pass_time(4 * 60)
    assert desk.engine.status.phase is Phase.READY
    sleeper.pass_time(2 * 60)
    assert desk.engine.status.phase is Phase.RESTING
    assert "resting" in desk.engine.status.text
    assert desk.engine.model is None
    if sys.platform == "linux":
        sleeper.driver.until(lambda: sleeper.held < held - 60 * MEGABYTE)
    sleeper.pass_time(60)
    assert desk.engine.status.phase is Phase.RESTING
    desk.replies.send("And of Spain?")
    sleeper.driver.until(lambda: len(desk.transcript.messages()) == 4, 60)
    replied(sleeper)
    assert sleeper.driver.notices == []


def test_the_first_key_brings_it_back(sleeper: Sleeper) -> None:
    sleeper.pass_time(6 * 60)
    assert sleeper.desk.engine.status.phase is Phase.RESTING
    sleeper.desk.chats.save_draft("H")
    sleeper.until(Phase.READY)


def test_not_while_the_person_is_there_nor_against_the_setting(sleeper: Sleeper) -> None:
    desk = sleeper.desk
    sleeper.clock.now += 6 * 60
    desk.chats.save_draft("Hello")
    sleeper.beat()
    assert desk.engine.status.phase is Phase.READY
    sleeper.pass_time(4 * 60)
    assert desk.engine.status.phase is Phase.READY
    desk.preferences.set(IDLE_MINUTES, 0)
    sleeper.pass_time(600 * 60)
    assert desk.engine.status.phase is Phase.READY


def test_waking_is_no_idle_time(sleeper: Sleeper) -> None:
    sleeper.sleep(8 * 60 * 60)
    assert sleeper.desk.engine.status.phase is Phase.READY
    sleeper.driver.until(lambda: sleeper.desk.upkeep.waking._question is None)
    assert len(sleeper.pids) == 1  # it answers, so it stays
    sleeper.pass_time(6 * 60)
    assert sleeper.desk.engine.status.phase is Phase.RESTING


@pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP")
@pytest.mark.allow_log("does not answer after a sleep", "killed")
def test_an_engine_that_hangs_after_a_sleep_is_replaced(
    driver: DeskDriver, starter_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waking, "_ANSWER_SECONDS", 0.5)
    sleeper = Sleeper(driver, starter_model)
    os.kill(sleeper.pids[0], signal.SIGSTOP)
    sleeper.sleep(60 * 60)
    driver.until(lambda: len(sleeper.pids) == 2, 60)
    sleeper.driver.until(lambda: sleeper.desk.engine.status.phase is Phase.READY, 60)
    sleeper.desk.replies.send("What is the capital of France?")
    replied(sleeper)


def test_a_pulse_knows_a_sleep_from_a_busy_moment(qtbot: object) -> None:
    from llamadesk.control.pulse import Pulse  # noqa: PLC0415 - only here

    wall = Clock()
    pulse = Pulse(wall_clock=wall)
    slept: list[float] = []
    beats: list[int] = []
    pulse.woke.connect(slept.append)
    pulse.beat.connect(lambda: beats.append(1))
    pulse.begin()
    for seconds in (BEAT_SECONDS, BEAT_SECONDS + 5, BEAT_SECONDS - 300, BEAT_SECONDS + 3600):
        wall.now += seconds
        pulse.look()
    assert slept == [3600.0]
    assert len(beats) == 4
    pulse.deleteLater()
