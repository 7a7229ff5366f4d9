"""What an EngineClient said, in order, for tests to wait for and to look at."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import QCoreApplication, QThread, Slot
from pytestqt.qtbot import QtBot

from llamadesk.bridge.client import EngineClient, EngineCommand, engine_command
from llamadesk.bridge.command import Patience
from llamadesk.core.chat import Role
from llamadesk.core.protocol import Finished, LoadSettings, Prompt, Sampling, Turn

SIGNALS = (
    "started",
    "load_progressed",
    "loaded",
    "unloaded",
    "prompt_progressed",
    "delta_received",
    "finished",
    "failed",
    "prepared",
    "tune_progressed",
    "tuned",
    "token_counted",
    "measured",
    "prompt_shown",
    "estimated",
    "engine_lost",
    "gave_up",
)
HI = Prompt([Turn(Role.USER, "Hi")])
GREEDY = Sampling(temperature=0.0)
ANY_MODEL = LoadSettings("/models/any.gguf", n_ctx=2048)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Recorder(EngineClient):
    """A client that writes down every signal as (name, *arguments), and that it came on the window's thread."""

    def __init__(self, command: EngineCommand, qtbot: QtBot, patience: Patience | None = None) -> None:
        super().__init__(command, patience=patience)
        self._qtbot = qtbot
        self.said: list[tuple[Any, ...]] = []
        for name in SIGNALS:
            getattr(self, name).connect(self._slot(name))

    def _slot(self, name: str) -> Any:
        def record(*arguments: Any) -> None:
            assert QThread.currentThread() is QCoreApplication.instance().thread()
            self.said.append((name, *arguments))

        return record

    def named(self, name: str, request_id: int | None = None) -> list[tuple[Any, ...]]:
        """What one signal said, of one request."""
        return [said[1:] for said in self.said if said[0] == name and request_id in (None, said[1])]

    def await_(self, name: str, request_id: int | None = None, count: int = 1, seconds: float = 30) -> tuple[Any, ...]:
        """Wait until a signal came `count` times; returns the arguments of that time."""

        def came() -> None:
            assert len(self.named(name, request_id)) >= count, self.summary()

        self._qtbot.waitUntil(came, timeout=round(seconds * 1000))
        return self.named(name, request_id)[count - 1]

    def await_answer(self, request_id: int, seconds: float = 30) -> tuple[str, Any]:
        """Wait until a reply finished or failed, or a load; returns the signal's name and its last argument."""

        def answers() -> list[tuple[Any, ...]]:
            return [said for said in self.said if said[0] in ("finished", "failed", "loaded") and said[1] == request_id]

        def came() -> None:
            assert answers(), self.summary()

        self._qtbot.waitUntil(came, timeout=round(seconds * 1000))
        return answers()[-1][0], answers()[-1][2]

    def text(self, request_id: int) -> str:
        """What a reply said so far."""
        return "".join(said[1] for said in self.named("delta_received", request_id))

    def say_hi(self) -> int:
        """Ask for a reply."""
        return self.generate(HI, GREEDY)

    def reply(self) -> tuple[str, Finished]:
        """Ask for a reply and wait for its end."""
        request_id = self.say_hi()
        (_, finished) = self.await_("finished", request_id)
        return self.text(request_id), finished

    @property
    def pid(self) -> int:
        """The engine process that said Hello last."""
        return int(self.named("started")[-1][0].pid)

    def summary(self) -> str:
        """The signals without a chat's text, for a failed assertion."""
        return "\n".join(str(said)[:200] for said in self.said if said[0] != "delta_received") or "nothing was said"

    @Slot()
    def shutdown(self) -> None:
        """As the client does, and look that nothing is left."""
        pids = [said[0].pid for said in self.named("started")]
        super().shutdown()
        assert not [pid for pid in pids if is_alive(pid)]


def without_core_dumps() -> None:
    """Let no crash of a child that is meant to crash leave a core file."""
    if os.name == "posix":
        import resource  # noqa: PLC0415 - not on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


RecordedEngine = Callable[..., Recorder]
FakeEngine = Callable[..., Recorder]
FakeCommand = Callable[..., EngineCommand]


@pytest.fixture
def recorded_engine(qtbot: QtBot) -> Iterator[RecordedEngine]:
    """Starts clients of the engine that a command starts, and shuts them down. For a conftest.py to import."""
    without_core_dumps()
    clients: list[Recorder] = []

    def make(command: EngineCommand, patience: Patience | None = None) -> Recorder:
        client = Recorder(command, qtbot, patience)
        clients.append(client)
        client.start()
        return client

    yield make
    for client in clients:
        client.shutdown()
        client.deleteLater()


# The smallest app: it loads a model, asks, and says the engine's pid once the prompt is read or a reply written.
_APP = """
import sys, msgspec
from PySide6.QtCore import QCoreApplication
from llamadesk.bridge.client import EngineClient, EngineCommand
from llamadesk.core.chat import Role
from llamadesk.core.protocol import LoadSettings, Prompt, Sampling, Turn

app = QCoreApplication([])
command, model, question, signal = sys.argv[1:]
client = EngineClient(msgspec.json.decode(command.encode(), type=EngineCommand))
pids = []
client.started.connect(lambda hello: pids.append(hello.pid))
getattr(client, signal).connect(lambda *arguments: print(pids[-1], flush=True))
client.start()
client.load(LoadSettings(model, n_threads=1))
client.generate(Prompt([Turn(Role.USER, question)]), Sampling())
app.exec()
"""


@contextlib.contextmanager
def smallest_app(
    command: EngineCommand, model: str, question: str, until: str = "delta_received"
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """An app of its own, whose engine got as far as the signal `until`: the app's process and the engine's pid."""
    app = subprocess.Popen(
        [sys.executable, "-c", _APP, msgspec.json.encode(command).decode(), model, question, until],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **engine_command().env},
    )
    with app:
        assert app.stdout is not None
        try:
            yield app, int(app.stdout.readline())
        finally:
            app.kill()


def gone_within(pid: int, seconds: float) -> bool:
    """Whether a process ends in time."""
    deadline = time.monotonic() + seconds
    while is_alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
