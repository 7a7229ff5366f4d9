"""From the search on the hub to a file in the models folder, on a whole desk, with a real hub on this machine."""

from __future__ import annotations

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
    driver.run(desk._rooms.tasks.drained())
    desk.hub.open(state.results[0].repository)
    driver.run(desk._rooms.tasks.drained())
    (file,) = state.files
    assert state.fits[file.path].words.startswith("Fits comfortably")
    desk.downloads.add(file, "Small 7B Q4_0")
    driver.until(lambda: (entry := desk.downloads.state.of_file(MODEL, file.path)) and _is_done(entry.status.stage))
    found = list(driver.folders.models.rglob("*.gguf"))
    assert [path.read_bytes() == content for path in found] == [True]
    driver.close(desk)  # no connection is left open: that would be a warning, and so a failure


def _is_done(stage: DownloadStage) -> bool:
    return stage is DownloadStage.DONE
