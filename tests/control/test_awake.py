"""The system is asked to stay awake during long replies, and let go of afterwards."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from llamadesk.control import awake
from llamadesk.control.desk import Desk
from llamadesk.core.settings import KEEP_AWAKE
from llamadesk.state.engine import Phase
from tests.control.desk_driver import DeskDriver


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    """wakepy's own stand-in for the system."""
    monkeypatch.setenv("WAKEPY_FAKE_SUCCESS", "1")


def holders() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "awake"]


def replying(driver: DeskDriver, starter_model: Path) -> Desk:
    desk = driver.open(model=starter_model)
    driver.until(lambda: desk.engine.status.phase is Phase.READY, 60)
    desk.replies.send("Write a very long story about a lighthouse keeper and her cat.")
    driver.until(lambda: desk.engine.status.phase is Phase.GENERATING, 60)
    return desk


def test_held_during_a_long_reply_and_no_longer(
    driver: DeskDriver, starter_model: Path, pretended: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awake, "_AFTER_SECONDS", 0.05)
    desk = replying(driver, starter_model)
    driver.until(lambda: desk.upkeep.awake.held and holders())
    desk.replies.stop()
    driver.until(lambda: not desk.replies.busy)
    assert not desk.upkeep.awake.held
    driver.until(lambda: not holders())


def test_a_short_reply_costs_nothing(driver: DeskDriver, starter_model: Path, pretended: None) -> None:
    desk = replying(driver, starter_model)
    desk.replies.stop()
    driver.until(lambda: not desk.replies.busy)
    assert not holders()
    assert not desk.upkeep.awake._timer.isActive()


def test_the_setting_counts_at_once(
    driver: DeskDriver, starter_model: Path, pretended: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awake, "_AFTER_SECONDS", 0.05)
    desk = replying(driver, starter_model)
    driver.until(lambda: desk.upkeep.awake.held)
    desk.preferences.set(KEEP_AWAKE, False)
    assert not desk.upkeep.awake.held
    driver.until(lambda: not holders())


def test_a_system_that_cannot_is_no_trouble(
    driver: DeskDriver, starter_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awake, "_AFTER_SECONDS", 0.05)
    monkeypatch.setenv("WAKEPY_FAKE_SUCCESS", "0")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    desk = replying(driver, starter_model)
    driver.until(lambda: desk.upkeep.awake.held)
    driver.close(desk)
    driver.until(lambda: not holders())
    assert driver.notices == []
