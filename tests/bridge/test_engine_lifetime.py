from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from engine_recorder import ANY_MODEL, FakeCommand, FakeEngine, gone_within, is_alive, smallest_app
from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

from llamadesk.bridge.client import EngineClient
from llamadesk.bridge.command import engine_command
from llamadesk.engine.fake import Complain, Life, Pause, Speak

WRITES_ON = Life(generate=((Speak(n_tokens=100_000, rate=100),),))
FLOODS = Life(generate=((Speak(n_tokens=10**9, deaf=True),),))
DEAF = Life(generate=((Speak(n_tokens=1), Pause(deaf=True)),))


@pytest.mark.parametrize("life", [WRITES_ON, FLOODS, DEAF], ids=["writing", "flooding", "deaf"])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_the_engine_dies_with_the_app(fake_command: FakeCommand, life: Life, end: signal.Signals) -> None:
    with smallest_app(fake_command(life), "/models/any.gguf", "Hi") as (app, engine_pid):
        assert is_alive(engine_pid)
        app.send_signal(end)
        app.wait()
        assert gone_within(engine_pid, seconds=2)


@pytest.mark.parametrize("life", [WRITES_ON, FLOODS, DEAF], ids=["writing", "flooding", "deaf"])
def test_shutdown_while_writing_leaves_nothing(fake_engine: FakeEngine, life: Life) -> None:
    engine = fake_engine(life)
    engine.load(ANY_MODEL)
    reply = engine.say_hi()
    engine.await_("delta_received", reply)
    pid = engine.pid
    engine.shutdown()
    assert not is_alive(pid)
    assert not engine.findChild(QThread).isRunning()
    n_said = len(engine.said)
    engine.shutdown()
    engine.say_hi()
    engine._qtbot.wait(100)
    assert len(engine.said) == n_said  # nothing comes any more


def test_shutdown_of_an_engine_that_is_frozen(fake_engine: FakeEngine) -> None:
    engine = fake_engine(WRITES_ON)
    engine.load(ANY_MODEL)
    engine.await_("delta_received", engine.say_hi())
    os.kill(engine.pid, signal.SIGSTOP)
    started = time.monotonic()
    engine.shutdown()
    assert not is_alive(engine.pid)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("seconds", [0, 0.02, 0.1])
def test_shutdown_while_starting(fake_engine: FakeEngine, seconds: float) -> None:
    engine = fake_engine(Life(start=(Pause(30),)))
    engine.load(ANY_MODEL)
    engine._qtbot.wait(round(seconds * 1000))
    engine.shutdown()


def test_shutdown_before_start(fake_command: FakeCommand, qtbot: QtBot) -> None:
    EngineClient(fake_command()).shutdown()


def test_shutdown_during_a_restart(fake_engine: FakeEngine) -> None:
    engine = fake_engine(Life(), Life(start=(Pause(30),)))
    engine.load(ANY_MODEL)
    engine.reply()
    os.kill(engine.pid, signal.SIGKILL)
    engine.await_("engine_lost")
    engine.shutdown()


def test_many_shutdowns_in_a_row(fake_engine: FakeEngine) -> None:
    for _ in range(8):
        engine = fake_engine(WRITES_ON)
        engine.load(ANY_MODEL)
        engine.await_("delta_received", engine.say_hi())
        engine.shutdown()


def test_a_flood_of_log_lines(fake_engine: FakeEngine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "llamadesk.engine")
    engine = fake_engine(Life(generate=((Complain(lines=200_000), Speak()), (Speak(),))))
    engine.load(ANY_MODEL)
    assert engine.reply()[0] == "word " * 20
    assert len([record for record in caplog.records if record.name == "llamadesk.engine"]) < 5_000
    assert engine.reply()[0] == "word " * 20


def test_the_command_finds_this_package_from_anywhere(tmp_path: Path) -> None:
    command = engine_command()
    (tmp_path / "msgspec.py").write_text("raise SystemExit('imported from the current folder')")
    done = subprocess.run(
        [command.argv[0], command.argv[1], "-c", "import llamadesk.core.protocol as p; print(p.__file__)"],
        env={**os.environ, **command.env},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("__init__.py")
