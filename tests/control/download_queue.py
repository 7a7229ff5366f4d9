"""A desk with a queue of downloads, and a hub on this machine, for the tests of both together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_models import TinyModel, write_tiny_llama

from llamadesk.core.downloads import DownloadEntry, DownloadStage
from llamadesk.core.hub import HubFile
from llamadesk.core.settings import DOWNLOAD_LIMIT
from llamadesk.core.start import StartMode
from tests.control.desk_driver import DeskDriver
from tests.web.hub_server import HubServer

REPOSITORY = "someone/Tiny-GGUF"
NAME = "tiny-F16.gguf"
IDLE_ENGINE: dict[str, object] = {"lives": [{}]}
SLOW = 0.3
"""MB/s: so slow that a test can do something meanwhile."""


class Queue:
    """The downloads of a desk, asked and watched as the window does."""

    def __init__(self, driver: DeskDriver, hub: HubServer, mode: StartMode | None = None) -> None:
        self.driver = driver
        self.hub = hub
        self.open(mode or StartMode())

    def open(self, mode: StartMode | None = None) -> None:
        self.desk = self.driver.open(self.driver.fake(IDLE_ENGINE), mode=mode or StartMode())
        self.control = self.desk.downloads

    def restart(self, mode: StartMode | None = None) -> None:
        """As somebody who closes the app and starts it again."""
        self.driver.close(self.desk)
        self.open(mode)

    def settle(self) -> None:
        """Wait for what was begun."""
        self.driver.settle(self.desk)

    def file(self, repository: str = REPOSITORY, path: str = NAME) -> HubFile:
        """As the hub lists it."""
        found: list[HubFile] = []

        async def ask() -> None:
            found.extend(await self.desk.hub.files_of(repository))

        self.driver.run(ask())
        return next(file for file in found if file.path == path)

    def add(self, repository: str = REPOSITORY, path: str = NAME, title: str = "Tiny") -> DownloadEntry:
        """Ask for a file; its entry in the list."""
        self.control.add(self.file(repository, path), title)
        self.settle()
        entry = self.control.state.of_file(repository, path)
        assert entry is not None, self.driver.notices
        return entry

    def slow_down(self, megabytes_per_second: float = SLOW) -> None:
        self.desk.preferences.set(DOWNLOAD_LIMIT, megabytes_per_second)

    def entry(self) -> DownloadEntry:
        """The only one there is."""
        (entry,) = self.control.state.entries()
        return entry

    def stages(self) -> list[DownloadStage]:
        return [entry.status.stage for entry in self.control.state.entries()]

    def until(self, *stages: DownloadStage) -> None:
        """Wait until the downloads are at these stages."""
        self.driver.until(lambda: self.stages() == list(stages))
        self.settle()

    def until_bytes(self, n_bytes: int) -> None:
        """Wait until the only one has come so far."""
        self.driver.until(lambda: self.entry().status.done_bytes >= n_bytes)

    def place(self, path: str = NAME, repository: str = REPOSITORY) -> Path:
        """Where a file of the hub is to lie."""
        return self.driver.folders.models / repository / path

    def told(self) -> list[str]:
        return [notice.text for notice in self.driver.notices]


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A model of 2.4 MB: more than one piece of a transfer, and of its records."""
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    return write_tiny_llama(path, TinyModel(n_embd=192, n_layers=3)).read_bytes()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, content: bytes) -> Iterator[HubServer]:
    """The hub that desks ask from now on. It has one model."""
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")  # the keyring of who runs the tests
        server.add(REPOSITORY, NAME, content)
        yield server


@pytest.fixture
def queue(driver: DeskDriver, hub: HubServer) -> Queue:
    return Queue(driver, hub)
