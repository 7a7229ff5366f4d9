"""The journey from nothing to a chat, and to the right quantization, in the real window with a hub on this machine.

What the real hub does is known from its documentation alone, see `tests/web/hub_server.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from llamadesk.core.catalogue import CatalogueModel
from llamadesk.core.paths import resources_dir, starter_model
from llamadesk.library.catalogue import load_catalogue
from tests.e2e.window import StartWindow, Window
from tests.web.hub_server import Fault, HubServer

WITHOUT_STARTER = ("-P", str(Path(__file__).with_name("without_starter.py")))
QUESTION = "What is the capital of France?"
GET = "Download and chat: "
CUT_AFTER = 30_000_000


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as hub:
        yield hub


@pytest.fixture
def start_bare_window(desktop: Mapping[str, str], hub: HubServer, tmp_path: Path) -> Iterator[StartWindow]:
    """As `start_window`, on a computer without any model, whose hub is ours."""
    home = tmp_path / "home"  # no other app has left a model there
    home.mkdir()
    env = {**desktop, "HF_ENDPOINT": hub.endpoint, "HOME": str(home)}
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(Window(env, tmp_path / "data", arguments, program=WITHOUT_STARTER))


def put_on_hub(hub: HubServer, model: CatalogueModel, content: bytes) -> None:
    """Every quantization of a model: whichever suits the machine that this runs on is what will be asked for."""
    for source in model.sources:
        for quantization in source.quantizations:
            hub.add(source.repository, source.file_name(quantization), content)


@pytest.mark.timeout(600)
def test_from_nothing_to_a_chat_with_a_cut_on_the_way(start_bare_window: StartWindow, hub: HubServer) -> None:
    starter = starter_model()
    assert starter is not None
    content = starter.read_bytes()
    window = start_bare_window()
    window.wait_until("a suggestion", lambda: bool(window.names(GET)))
    recommended = window.names(", recommended")[0].removesuffix(", recommended")
    models = load_catalogue(resources_dir() / "catalogue").models
    put_on_hub(hub, next(model for model in models if model.name == recommended), content)
    hub.faults = [Fault(cut_after=CUT_AFTER)]

    window.press(f"{GET}{recommended}")
    window.wait_ready()
    window.send(QUESTION)
    window.wait_reply_ended()

    first, second = hub.file_requests()
    assert "range" not in first.headers
    begun_at = int(second.headers["range"].removeprefix("bytes=").partition("-")[0])
    assert CUT_AFTER - 1_000_000 <= begun_at <= CUT_AFTER, "hardly anything is fetched twice"
    (file,) = (window.data_dir / "models").rglob("*.gguf")
    assert hashlib.sha256(file.read_bytes()).digest() == hashlib.sha256(content).digest()
    assert not list((window.data_dir / "models").rglob("*.part*"))
    window.close()

    window = start_bare_window()
    window.wait_ready()  # the model of last time, by itself
    window.close()
