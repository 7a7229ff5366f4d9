"""Getting a model of the catalogue from a hub on this machine: licence, file, download, and what may be wrong there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_models import TinyModel, write_tiny_llama

from llamadesk.control.desk import Desk
from llamadesk.control.models.catalogue import CatalogueControl
from llamadesk.core.catalogue import Licence
from tests.control.catalogue_desk import TINY, looked, opened, settle, write_list
from tests.control.desk_driver import DeskDriver
from tests.web.hub_server import Fault, HubServer

LLAMA = "llama-2-7b-chat"
REPOSITORY = "TheBloke/Llama-2-7B-Chat-GGUF"
LLAMA_FILE = "llama-2-7b-chat.Q4_0.gguf"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield server


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return write_tiny_llama(tmp_path / "made.gguf", TinyModel(file_type=2)).read_bytes()


class Shop:
    """A desk whose catalogue has looked, and what it asks for."""

    def __init__(self, driver: DeskDriver, hub: HubServer) -> None:
        self.driver = driver
        self.hub = hub
        self.licences: list[tuple[Licence, str, str]] = []
        self.pages: list[str] = []
        self.desk: Desk = opened(driver)
        self.control: CatalogueControl = looked(driver, self.desk)
        self.control.licence_wanted.connect(lambda *asked: self.licences.append(asked))
        self.control.repository_wanted.connect(self.pages.append)

    def download(self, model_id: str, quantization: str) -> None:
        self.control.download(model_id, quantization)
        assert self.control.state.resolving == {(model_id, quantization)}
        settle(self.driver, self.desk)
        assert self.control.state.resolving == frozenset()

    def wait_for(self, path: Path) -> None:
        self.driver.until(path.exists)
        self.driver.until(lambda: not self.desk.downloads.state.n_active)
        settle(self.driver, self.desk)

    def titles(self) -> list[str]:
        return [entry.download.title for entry in self.desk.downloads.state.entries()]


def target(driver: DeskDriver, repository: str, name: str) -> Path:
    return driver.folders.models.joinpath(*repository.split("/"), name)


def test_a_model_is_downloaded_once_its_licence_is_accepted(driver: DeskDriver, hub: HubServer, content: bytes) -> None:
    hub.add(REPOSITORY, LLAMA_FILE, content)
    shop = Shop(driver, hub)
    shop.download(LLAMA, "Q4_0")
    driver.until(lambda: shop.licences)
    ((licence, model_id, quantization),) = shop.licences
    assert (licence.id, model_id, quantization) == ("llama2", LLAMA, "Q4_0")
    assert licence == shop.control.licence_of(LLAMA)
    assert licence.policy_url and not shop.control.is_accepted("llama2")
    asked = shop.control.licence_to_accept("llama2")
    assert asked is not None and asked.id == "llama2"
    assert shop.control.licence_to_accept("apache-2.0") is None
    assert hub.requests == [] and shop.titles() == []
    shop.control.accept("llama2")
    assert shop.control.is_accepted("llama2") and shop.control.licence_to_accept("llama2") is None
    shop.download(LLAMA, "Q4_0")
    path = target(driver, REPOSITORY, LLAMA_FILE)
    shop.wait_for(path)
    assert path.read_bytes() == content
    assert shop.titles() == ["Llama 2 Chat 7B Q4_0"]
    assert len(shop.licences) == 1
    driver.until(lambda: LLAMA in shop.control.state.here)


def test_a_licence_is_accepted_once_for_all(driver: DeskDriver, hub: HubServer, content: bytes) -> None:
    shop = Shop(driver, hub)
    shop.control.accept("llama2")
    at = shop.control.state.accepted["llama2"]
    settle(driver, shop.desk)
    driver.close(shop.desk)
    hub.add("TheBloke/Llama-2-13B-chat-GGUF", "llama-2-13b-chat.Q4_0.gguf", content)
    shop = Shop(driver, hub)
    assert shop.control.state.accepted == {"llama2": at}
    shop.download("llama-2-13b-chat", "Q4_0")  # another model under the same licence
    shop.wait_for(target(driver, "TheBloke/Llama-2-13B-chat-GGUF", "llama-2-13b-chat.Q4_0.gguf"))
    assert shop.licences == []


def test_an_open_licence_is_not_asked_for(driver: DeskDriver, hub: HubServer, content: bytes) -> None:
    hub.add("somebody/Tiny-GGUF", "tiny.Q8_0.gguf", content)
    write_list(driver.folders.catalogue / "own.json", TINY)
    shop = Shop(driver, hub)
    shop.download("tiny", "Q8_0")
    shop.wait_for(target(driver, "somebody/Tiny-GGUF", "tiny.Q8_0.gguf"))
    assert shop.licences == []


def test_a_download_is_asked_for_before_anybody_has_looked(driver: DeskDriver, hub: HubServer) -> None:
    desk = opened(driver)
    wanted: list[str] = []
    desk.catalogue.licence_wanted.connect(lambda _licence, model_id, _quantization: wanted.append(model_id))
    desk.catalogue.download(LLAMA, "Q4_0")
    desk.catalogue.download(LLAMA, "Q4_0")  # an impatient second click
    driver.until(lambda: wanted)
    settle(driver, desk)
    assert wanted == [LLAMA]
    assert hub.requests == []


@pytest.mark.allow_log("hub_missing")
@pytest.mark.parametrize("name", ["tiny-chat.Q8_0.gguf", "README.md"])
def test_a_file_that_is_not_there_any_more_is_told_with_the_page_to_look_at(
    driver: DeskDriver, hub: HubServer, content: bytes, name: str
) -> None:
    hub.add("somebody/Tiny-GGUF", name, content)
    write_list(driver.folders.catalogue / "own.json", TINY)
    shop = Shop(driver, hub)
    shop.download("tiny", "Q8_0")
    (notice,) = driver.notices
    assert "“tiny.Q8_0.gguf” is not on the hub any more" in notice.text
    assert notice.action_label == "Show its page"
    shop.desk.notices.act(notice.action_id)
    assert shop.pages == ["somebody/Tiny-GGUF"]
    assert shop.titles() == []


def test_a_download_is_known_by_what_it_was_asked_for_whatever_the_file_is_called_now(
    driver: DeskDriver, hub: HubServer, content: bytes
) -> None:
    hub.add("somebody/Tiny-GGUF", "moved/TINY.q8_0.gguf", content)
    write_list(driver.folders.catalogue / "own.json", TINY)
    shop = Shop(driver, hub)
    tiny = shop.control.state.model("tiny")
    assert tiny is not None and shop.desk.downloads.state.of_model(tiny, "Q8_0") is None
    shop.download("tiny", "Q8_0")
    entry = shop.desk.downloads.state.of_model(tiny, "Q8_0")
    assert entry is not None and entry.download.from_hub_path == "moved/TINY.q8_0.gguf"
    assert shop.desk.downloads.state.of_model(tiny, "Q4_0") is None
    driver.until(lambda: not shop.desk.downloads.state.n_active)
    settle(driver, shop.desk)
    driver.close(shop.desk)
    again = opened(driver)
    driver.run(again.downloads.begin())
    kept = again.downloads.state.of_model(tiny, "Q8_0")
    assert kept is not None and kept.download.asked_as == ("tiny", "Q8_0")


def test_a_download_that_was_begun_on_its_page_belongs_to_the_model_once_that_is_asked_for(
    driver: DeskDriver, hub: HubServer, content: bytes
) -> None:
    hub.add("somebody/Tiny-GGUF", "moved/TINY.q8_0.gguf", content)
    write_list(driver.folders.catalogue / "own.json", TINY)
    shop = Shop(driver, hub)
    tiny = shop.control.state.model("tiny")
    assert tiny is not None

    async def begin_by_hand() -> None:
        (file,) = await shop.desk.hub.files_of("somebody/Tiny-GGUF")
        shop.desk.downloads.add(file, "Tiny by hand")

    driver.run(begin_by_hand())
    driver.until(lambda: shop.titles() == ["Tiny by hand"])
    assert shop.desk.downloads.state.of_model(tiny, "Q8_0") is None
    shop.download("tiny", "Q8_0")
    assert shop.titles() == ["Tiny by hand"]
    assert shop.desk.downloads.state.of_model(tiny, "Q8_0") is not None
    driver.until(lambda: not shop.desk.downloads.state.n_active)
    settle(driver, shop.desk)


@pytest.mark.allow_log("hub_missing")
def test_another_repository_is_tried_where_one_is_gone(driver: DeskDriver, hub: HubServer, content: bytes) -> None:
    second = {"repository": "other/Tiny-GGUF", "pattern": "Tiny-{}.gguf", "quantizations": ["Q8_0"]}
    write_list(driver.folders.catalogue / "own.json", TINY | {"sources": [*TINY["sources"], second]})
    shop = Shop(driver, hub)
    shop.download("tiny", "Q8_0")
    assert len(driver.notices) == 1  # neither is there
    driver.notices.clear()
    hub.add("other/Tiny-GGUF", "Tiny-Q8_0.gguf", content)
    shop.download("tiny", "Q8_0")
    shop.wait_for(target(driver, "other/Tiny-GGUF", "Tiny-Q8_0.gguf"))


@pytest.mark.allow_log("hub_busy", "network_failed")
def test_what_may_pass_can_be_tried_again(driver: DeskDriver, hub: HubServer, content: bytes) -> None:
    hub.add("somebody/Tiny-GGUF", "tiny.Q8_0.gguf", content)
    write_list(driver.folders.catalogue / "own.json", TINY)
    shop = Shop(driver, hub)
    hub.hub_faults = [Fault(status=503)]
    shop.download("tiny", "Q8_0")
    (notice,) = driver.notices
    assert notice.action_label == "Try again"
    shop.desk.notices.act(notice.action_id)
    shop.wait_for(target(driver, "somebody/Tiny-GGUF", "tiny.Q8_0.gguf"))


@pytest.mark.allow_log("hub_missing")
@pytest.mark.parametrize(("model_id", "quantization"), [("nobody", "Q8_0"), ("tiny", "Q2_K")])
def test_what_the_list_does_not_say_cannot_be_downloaded(
    driver: DeskDriver, hub: HubServer, model_id: str, quantization: str
) -> None:
    write_list(driver.folders.catalogue / "own.json", TINY)
    shop = Shop(driver, hub)
    shop.download(model_id, quantization)
    (notice,) = driver.notices
    assert "does not say where" in notice.text and not notice.action_label
    assert hub.requests == []
