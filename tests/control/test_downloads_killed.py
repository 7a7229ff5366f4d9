"""The whole process is killed while it downloads, and the next one goes on; at the end the model answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest
from tiny_models import TinyModel, write_tiny_llama

from llamadesk.control import library
from llamadesk.control.desk import Desk
from llamadesk.core.chat import Role
from llamadesk.core.downloads import DownloadStage
from llamadesk.core.settings import DOWNLOAD_LIMIT, MAX_TOKENS, MODEL_PATH
from llamadesk.state.engine import Phase
from llamadesk.web.transfer_state import kept_bytes
from tests.control import download_process
from tests.control.desk_driver import DeskDriver
from tests.control.download_queue import NAME, REPOSITORY, Queue, content, hub
from tests.web.hub_server import HubServer

__all__ = ["content", "hub"]

KILLS = 3
LIMIT = 3.0
MOST_TWICE = 1_000_000
"""Bytes that may be fetched twice after a kill."""


@pytest.fixture
def large(tmp_path: Path) -> bytes:
    """A model of some 12 MB, that can chat."""
    path = write_tiny_llama(tmp_path / "large.gguf", TinyModel(n_embd=384, n_layers=4))
    return path.read_bytes()


@pytest.fixture
def processes() -> Iterator[list[Popen[bytes]]]:
    started: list[Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def ready_for_the_first_model(desk: Desk) -> None:
    desk.preferences.set(DOWNLOAD_LIMIT, 0.0)
    desk.preferences.set(MODEL_PATH, "")


@pytest.mark.timeout(300)
def test_killed_again_and_again_and_then_chatted_with(
    driver: DeskDriver,
    hub: HubServer,
    large: bytes,
    tmp_path: Path,
    processes: list[Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub.add(REPOSITORY, NAME, large)
    asking = Queue(driver, hub)
    file, place = asking.file(), asking.place()
    driver.close(asking.desk)
    there = [0]
    for number in range(KILLS):
        process = download_process.start(
            driver.folders.root, tmp_path / "scripts", file if number == 0 else None, LIMIT
        )
        processes.append(process)
        driver.until(lambda: kept_bytes(place) >= there[-1] + 2_000_000, 60)
        process.kill()
        process.wait()
        there.append(kept_bytes(place))
    assert all(more > 2_000_000 for more in there[1:]) and there[-1] < len(large)

    monkeypatch.setattr(library, "starter_model", lambda: None)
    desk = driver.open(before=ready_for_the_first_model)
    driver.until(lambda: [e.status.stage for e in desk.downloads.state.entries()] == [DownloadStage.DONE], 60)
    assert place.read_bytes() == large
    began_at = [int(request.headers["range"][6:-1]) for request in hub.file_requests()[1:]]
    assert len(began_at) == KILLS
    assert all(at - MOST_TWICE < began <= at for at, began in zip(there[1:], began_at, strict=True))

    driver.until(lambda: desk.engine.status.phase is Phase.READY, 60)
    assert desk.engine.model is not None and Path(desk.engine.model.path) == place
    desk.preferences.set(MAX_TOKENS, 5)
    desk.replies.send("hello")
    driver.until(lambda: len(desk.transcript.messages()) == 2 and not desk.replies.busy, 60)
    assert desk.transcript.message(1).role is Role.ASSISTANT
