"""The hub's control by itself, against the hub of the tests: real event loop, real threads, real connections; a keyring
that only the test knows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import TypeVar

import pytest
import qasync
import shiboken6

from llamadesk.control.notices import Notices
from llamadesk.control.online.hub import HubControl
from llamadesk.control.online.vault import VaultError
from llamadesk.control.tasks import Tasks
from llamadesk.core.protocol import Device, DeviceKind
from llamadesk.state.engine import EngineState
from llamadesk.state.settings import SettingValues
from tests.control.desk_driver import is_settled
from tests.web.hub_server import HubServer

GB = 1_000_000_000
_T = TypeVar("_T")


class MemoryVault:
    """A keyring. Where it is `broken` there is none."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.broken = False
        self.n_reads = 0

    def read(self, name: str) -> str:
        self.n_reads += 1
        self._check()
        return self.secrets.get(name, "")

    def write(self, name: str, secret: str) -> None:
        self._check()
        self.secrets[name] = secret

    def delete(self, name: str) -> None:
        self._check()
        self.secrets.pop(name, None)

    def _check(self) -> None:
        if self.broken:
            raise VaultError("none here")


class HubDriver:
    """Makes controls for one hub and waits for what they do."""

    def __init__(self, loop: qasync.QEventLoop, server: HubServer) -> None:
        self.loop = loop
        self.server = server
        self.vault = MemoryVault()
        self.bugs: list[BaseException] = []
        self.settings = SettingValues()
        self.engine = EngineState()
        self.engine.set_devices((Device("CPU", "A processor", DeviceKind.CPU, 8 * GB, 16 * GB),))
        self.notices = Notices()
        self.tasks = Tasks(self.notices, self.bugs.append)
        self._made: list[HubControl] = []
        self.run(self._begin())

    def control(self, **environment: str) -> HubControl:
        """One whose environment names the hub of the tests, and what is given."""
        rooms = SimpleNamespace(settings=self.settings, engine=self.engine, tasks=self.tasks)
        named = {"HF_ENDPOINT": self.server.endpoint, **environment}
        control = HubControl(rooms, environment=named, make_vault=lambda: self.vault)  # type: ignore[arg-type]
        self._made.append(control)
        return control

    def settle(self) -> None:
        """Wait for everything that was begun."""
        self.until(lambda: is_settled(self.tasks))

    def run(self, work: Awaitable[_T]) -> _T:
        """Run it on the window's loop."""
        result: _T = self.loop.run_until_complete(asyncio.wait_for(work, 60))
        return result

    def turn(self) -> None:
        """Let the window do what it has put off."""
        self.run(asyncio.sleep(0.02))

    def until(self, condition: Callable[[], object], seconds: float = 30.0) -> None:
        """Turn the loop until something is so."""

        async def poll() -> None:
            end = time.monotonic() + seconds
            while not condition():
                assert time.monotonic() < end, f"never came; bugs: {self.bugs}"
                await asyncio.sleep(0.005)

        self.run(poll())

    def close(self) -> None:
        self.server.released.set()  # whoever hangs goes on
        for control in self._made:
            control.end()
        self.settle()
        for control in self._made:
            control.end()  # a connection may have been made meanwhile
            shiboken6.delete(control)
        for bug in self.bugs:
            raise bug

    async def _begin(self) -> None:
        self.tasks.begin()


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server


@pytest.fixture
def hub_driver(loop: qasync.QEventLoop, server: HubServer) -> Iterator[HubDriver]:
    driver = HubDriver(loop, server)
    yield driver
    driver.close()
