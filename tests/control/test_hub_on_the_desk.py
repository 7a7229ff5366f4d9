"""From the search on the hub to a file in the models folder, on a whole desk, with a real hub on this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from gguf_files import Shape

from llamadesk.core.downloads import DownloadStage
from tests.control.desk_driver import DeskDriver
from tests.web.hub_server import GRANTED_TOKEN, HubServer

MODEL = "someone/Small-7B-GGUF"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        monkeypatch.setenv("HF_TOKEN", GRANTED_TOKEN)
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")  # no keyring
        yield server


def test_a_gated_model_is_found_looked_into_and_downloaded(
    driver: DeskDriver, server: HubServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = Shape().write(tmp_path_factory.mktemp("hub") / "m.gguf").read_bytes()
    server.add(MODEL, "m-Q4_0.gguf", content, gated=True)
    desk = driver.open(driver.fake({"lives": [{}]}))
    state = desk.hub.state
    assert server.requests == []  # a start asks nobody
    desk.hub.search("small")
    driver.settle(desk)
    desk.hub.open(state.results[0].repository)
    driver.settle(desk)
    (file,) = state.files
    assert state.fits[file.path].words.startswith("Fits comfortably")
    desk.downloads.add(file, "Small 7B Q4_0")
    driver.until(lambda: (entry := desk.downloads.state.of_file(MODEL, file.path)) and _is_done(entry.status.stage))
    found = list(driver.folders.models.rglob("*.gguf"))
    assert [path.read_bytes() == content for path in found] == [True]
    driver.close(desk)  # no connection is left open: that would be a warning, and so a failure


def test_closing_does_not_wait_for_a_hub_that_does_not_answer(
    driver: DeskDriver, server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        desk = driver.open(driver.fake({"lives": [{}]}))
        desk.hub.search("small")
        desk.hub.open(MODEL)
        driver.until(lambda: len(_asking()) == 2)
        driver.close(desk)
        assert len(_asking()) == 2  # they still wait
    driver.until(lambda: not _asking())  # nobody listens there any more


def _asking() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "apart"]


def _is_done(stage: DownloadStage) -> bool:
    return stage is DownloadStage.DONE
