"""When a model is measured, what is kept of it, and how it is put to use. The engine is real."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tiny_models import TinyModel, write_tiny_llama

from llamadesk.control import tuning
from llamadesk.control.desk import Desk
from llamadesk.core.protocol import Hello
from llamadesk.core.settings import MICRO_BATCH, TUNING
from llamadesk.core.start import StartMode
from llamadesk.core.tuning import MAX_BEGUN, TuningRecord
from llamadesk.state.engine import Phase
from tests.control.desk_driver import DeskDriver

MODEL_LOG = r"llama\.cpp|Measuring ended|engine_lost"


class Machine:
    """Says what a test wants."""

    def __init__(self) -> None:
        self.battery = False
        self.busy = 0.0

    def on_battery(self) -> bool:
        return self.battery

    def busy_share(self) -> float:
        return self.busy


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """So small that it is measured in a moment."""
    return write_tiny_llama(tmp_path / "tiny.gguf", TinyModel(n_ctx_train=2048, n_embd=64))


@pytest.fixture
def open_desk(driver: DeskDriver, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Desk]:
    monkeypatch.setattr(tuning, "_IDLE_SECONDS", 0.0)

    def before(desk: Desk) -> None:
        desk.tuning._machine = machine  # type: ignore[assignment]
        desk._rooms.client.started.connect(on_one_core)

    def open_desk(model: Path, mode: StartMode | None = None) -> Desk:
        desk = driver.open(model=model, before=before, mode=mode or StartMode())
        driver.until(lambda: desk.engine.status.phase is Phase.READY, 60)
        return desk

    return open_desk


def on_one_core(hello: Hello) -> None:
    """Two threads that wait for each other take for ever where every core has other work."""
    if sys.platform != "darwin":
        psutil.Process(hello.pid).cpu_affinity([0])


def records(driver: DeskDriver, desk: Desk) -> list[TuningRecord]:
    found: list[TuningRecord] = []

    async def read() -> None:
        await desk._rooms.tasks.drained()
        found.extend((await desk._rooms.store.learned_under("tuning/", TuningRecord)).values())

    driver.run(read())
    return found


def beat(driver: DeskDriver, desk: Desk) -> bool:
    """One beat; whether a measurement began."""
    desk.upkeep.pulse.look()
    return desk.tuning.state.running


def measured(driver: DeskDriver, desk: Desk) -> None:
    driver.until(lambda: desk.tuning.state.has_choice and desk.engine.status.phase is Phase.READY, 60)


def test_once_at_an_idle_moment_then_applied_and_kept(
    driver: DeskDriver, open_desk: Callable[..., Desk], tiny: Path
) -> None:
    desk = open_desk(tiny)
    assert beat(driver, desk)
    measured(driver, desk)
    assert desk.tuning.state.words.startswith("Fastest here: ")
    assert not beat(driver, desk)  # once
    (record,) = records(driver, desk)
    assert record.whole
    assert record.n_begun == 0
    chosen = desk.models.chosen
    assert chosen is not None
    choice = desk.tuning.choice(chosen)
    assert choice == record.choice is not None
    assert desk.library.load_settings(chosen).n_ubatch == choice.n_ubatch
    desk.preferences.set(MICRO_BATCH, 64)  # the person goes before
    assert desk.library.load_settings(chosen).n_ubatch == 64
    desk.preferences.set(MICRO_BATCH, 0)
    driver.close(desk)

    desk = open_desk(tiny)
    chosen = desk.models.chosen
    assert chosen is not None
    assert desk.tuning.choice(chosen) == choice  # known before it is loaded, so that it need not be loaded twice
    assert not beat(driver, desk)
    desk.preferences.set(TUNING, False)
    assert desk.tuning.choice(chosen) is None


def test_not_on_battery_nor_beside_other_work_nor_against_the_setting(
    driver: DeskDriver, open_desk: Callable[..., Desk], tiny: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = open_desk(tiny)
    machine.battery = True
    assert not beat(driver, desk)
    machine.battery, machine.busy = False, 0.9
    assert not beat(driver, desk)
    machine.busy = 0.0
    desk.preferences.set(TUNING, False)
    assert not beat(driver, desk)
    desk.preferences.set(TUNING, True)
    monkeypatch.setattr(tuning, "_IDLE_SECONDS", 3600.0)
    assert not beat(driver, desk)
    monkeypatch.setattr(tuning, "_IDLE_SECONDS", 0.0)
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    assert beat(driver, desk)


def test_not_in_safe_mode(driver: DeskDriver, open_desk: Callable[..., Desk], tiny: Path) -> None:
    desk = open_desk(tiny, StartMode(safe=True))
    assert not beat(driver, desk)


def test_the_defaults_by_choice(driver: DeskDriver, open_desk: Callable[..., Desk], tiny: Path) -> None:
    desk = open_desk(tiny)
    beat(driver, desk)
    measured(driver, desk)
    desk.tuning.use_defaults()
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    assert desk.models.chosen is not None
    assert desk.tuning.choice(desk.models.chosen) is None
    assert "defaults" in desk.tuning.state.words
    assert not beat(driver, desk)
    desk.tuning.measure_again()
    measured(driver, desk)


def test_typing_cuts_it_short_and_it_goes_on_later(
    driver: DeskDriver, open_desk: Callable[..., Desk], starter_model: Path
) -> None:
    desk = open_desk(starter_model)
    assert beat(driver, desk)
    driver.until(lambda: desk.tuning.state.fraction > 0, 60)
    desk.chats.save_draft("H")
    driver.until(lambda: not desk.tuning.state.running)
    (record,) = records(driver, desk)
    assert record.trials
    assert not record.whole
    assert record.n_begun == 0
    assert "in part" in desk.tuning.state.words
    assert beat(driver, desk)
    driver.until(lambda: desk.tuning.state.fraction > 0)  # at once, for that was known
    driver.close(desk)  # half-way, but in order
    desk = open_desk(starter_model)
    (record,) = records(driver, desk)
    assert record.n_begun == 0


@pytest.mark.allow_log(MODEL_LOG)
def test_what_is_killed_half_way_is_not_begun_for_ever(
    driver: DeskDriver, open_desk: Callable[..., Desk], starter_model: Path
) -> None:
    desk = open_desk(starter_model)
    for n_begun in range(1, MAX_BEGUN + 1):
        assert beat(driver, desk)
        driver.until(lambda: desk.tuning._request)
        assert records(driver, desk)[0].n_begun == n_begun
        os.kill(engine_pid(), signal.SIGKILL)
        driver.until(lambda: not desk.tuning.state.running)
        driver.until(lambda: desk.engine.model is None)
        driver.until(lambda: desk.engine.status.phase is Phase.READY, 60)
    assert not beat(driver, desk)
    assert "twice" in desk.tuning.state.words
    driver.close(desk)
    desk = open_desk(starter_model)
    assert not beat(driver, desk)
    desk.tuning.measure_again()  # the person may
    assert desk.tuning.state.running


def engine_pid() -> int:
    (engine,) = (child for child in psutil.Process().children() if "--engine" in child.cmdline())
    return engine.pid
