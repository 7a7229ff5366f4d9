"""A desk without a window: real store, real engine process (llama.cpp's or the scripted fake), real event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import qasync
import shiboken6

from llamadesk.bridge.client import EngineCommand, engine_command
from llamadesk.control.desk import Desk
from llamadesk.control.notices import Notice
from llamadesk.control.tasks import Tasks
from llamadesk.core.paths import DataFolders
from llamadesk.core.protocol import ENGINE_FLAG
from llamadesk.core.settings import OTHER_APPS, THREADS
from llamadesk.core.start import StartMode
from llamadesk.store.front import Store

Script = dict[str, object]
_ORDINARY = StartMode()


def is_settled(tasks: Tasks) -> bool:
    """Whether nothing that was begun is still under way."""
    return not (tasks._running or tasks._apart)


class DeskDriver:
    """Opens desks on one data folder, one after the other, and waits for what they do."""

    def __init__(self, loop: qasync.QEventLoop, folders: DataFolders, scripts: Path) -> None:
        self.loop = loop
        self.folders = folders
        self._scripts = scripts
        self.bugs: list[BaseException] = []
        self.notices: list[Notice] = []
        self._open: list[Desk] = []

    def fake(self, script: Script) -> EngineCommand:
        """A command that starts the fake engine with a script."""
        path = self._scripts / f"script-{len(list(self._scripts.iterdir()))}.json"
        path.write_bytes(msgspec.json.encode(script))
        command = engine_command()
        if ENGINE_FLAG not in command.argv:
            raise AssertionError(command)
        return EngineCommand([*command.argv, "--fake", str(path)], command.env)

    def open(
        self,
        command: EngineCommand | None = None,
        model: Path | None = None,
        before: Callable[[Desk], object] = lambda _: None,
        mode: StartMode = _ORDINARY,
    ) -> Desk:
        """A desk that has begun; the real engine unless a command is given. `before` is done before it begins."""
        command = command or engine_command(safe_mode=mode.safe)
        desk = Desk(self.folders, Store.open(self.folders), command, self.bugs.append, mode=mode)
        desk.notices.posted.connect(self.notices.append)
        desk.notices.attach()
        self._open.append(desk)
        # One thread: two that wait for each other take many times as long wherever something else runs too.
        desk.preferences.set(THREADS, 1)
        desk.preferences.set(OTHER_APPS, False)  # what else lies on the machine that the tests run on
        before(desk)
        self.run(desk.begin(model))
        return desk

    def close(self, desk: Desk) -> None:
        """Close a desk as the window does."""
        self._open.remove(desk)
        self.run(desk.close())
        # Deleted here and now: left to the garbage collector, its timers could be deleted on the store's thread.
        shiboken6.delete(desk)

    def close_all(self) -> None:
        """Close what a test left open."""
        for desk in list(self._open):
            self.close(desk)

    def run(self, work: Awaitable[None]) -> None:
        """Run a coroutine on the window's loop."""
        self.loop.run_until_complete(asyncio.wait_for(work, 60))

    def settle(self, desk: Desk) -> None:
        """Wait for everything that was begun."""
        self.until(lambda: is_settled(desk._rooms.tasks))

    def until(self, condition: Callable[[], object], seconds: float = 30.0) -> None:
        """Turn the loop until something is so."""

        async def poll() -> None:
            end = time.monotonic() + seconds
            while not condition():
                assert time.monotonic() < end, f"never came; notices: {self.notices}; bugs: {self.bugs}"
                await asyncio.sleep(0.005)

        self.run(poll())

    def pause(self, seconds: float) -> None:
        """Turn the loop for a while."""
        self.run(asyncio.sleep(seconds))
