"""The person's own lists of models: put there, copied, fetched, broken, and removed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from catalogue_entries import LICENCE
from small_server import SmallServer, says, web_server

from llamadesk.control.models.catalogue import CatalogueControl
from llamadesk.library.catalogue import LARGEST_FILE
from tests.control.catalogue_desk import TINY, looked, opened, settle, write_list
from tests.control.desk_driver import DeskDriver

__all__ = ["web_server"]


class Lists:
    """The catalogue of a desk, and its lists."""

    def __init__(self, driver: DeskDriver) -> None:
        self.driver = driver
        self.desk = opened(driver)
        self.control: CatalogueControl = looked(driver, self.desk)

    def add(self, path_or_url: str | Path) -> None:
        self.control.add_source(str(path_or_url))
        settle(self.driver, self.desk)

    def named(self, model_id: str = "tiny") -> str | None:
        """The name of a model, where it is in the catalogue."""
        model = self.control.state.model(model_id)
        return model.name if model is not None else None


def encoded(*models: object) -> bytes:
    return json.dumps({"models": models, "licences": [LICENCE]}).encode()


@pytest.fixture
def lists(driver: DeskDriver) -> Lists:
    return Lists(driver)


def test_a_file_that_lies_in_the_folder_is_read(lists: Lists) -> None:
    assert lists.control.sources == () and lists.named() is None
    path = write_list(lists.driver.folders.catalogue / "own.json", TINY)
    looked(lists.driver, lists.desk)
    assert lists.named() == "Tiny"
    (source,) = lists.control.sources
    assert (source.path, source.url, source.kept_at) == (path, "", 0)
    write_list(path, TINY | {"name": "Tinier"})
    looked(lists.driver, lists.desk)
    assert lists.named() == "Tinier"


def test_a_file_from_elsewhere_is_copied(lists: Lists, tmp_path: Path) -> None:
    path = write_list(tmp_path / "their models.json", TINY)
    lists.add(path)
    assert lists.named() == "Tiny"
    path.unlink()
    looked(lists.driver, lists.desk)
    assert lists.named() == "Tiny"
    (source,) = lists.control.sources
    assert source.kept_at > 0 and not source.url
    assert (source.name, source.origin, source.n_models) == ("their models.json", str(path), 1)
    assert source.path.parent == lists.driver.folders.catalogue
    assert source.path.name.startswith("their-models-")
    write_list(path, TINY | {"name": "Tinier"})
    lists.add(path)  # once more: in place of the first
    assert lists.named() == "Tinier"
    assert [each.path for each in lists.control.sources] == [source.path]
    lists.add(source.path)  # what lies there already
    assert [each.path for each in lists.control.sources] == [source.path]
    assert lists.driver.notices == []


@pytest.mark.allow_log("catalogue_unreadable")
def test_what_llamadesk_put_there_is_removed_and_no_other(lists: Lists, tmp_path: Path) -> None:
    own = write_list(lists.driver.folders.catalogue / "own.json", TINY | {"id": "mine"})
    lists.add(write_list(tmp_path / "theirs.json", TINY))
    mine, theirs = lists.control.sources
    for source in (mine, theirs):
        lists.control.remove_source(source)
        settle(lists.driver, lists.desk)
    assert (lists.named(), lists.named("mine")) == (None, "Tiny")
    assert own.exists() and not theirs.path.exists()
    assert lists.control.sources == (mine,)
    refused, removed = lists.driver.notices
    assert "own.json" in refused.text
    assert "theirs.json" in removed.text and removed.action_label == "Undo"
    lists.desk.notices.act(removed.action_id)
    settle(lists.driver, lists.desk)
    assert lists.named() == "Tiny"
    assert lists.control.sources == (mine, theirs)  # as it was, with where it is from and since when
    lists.driver.close(lists.desk)
    assert Lists(lists.driver).control.sources == (mine, theirs)


def test_a_list_is_fetched_when_the_person_asks_and_never_else(lists: Lists, web_server: SmallServer) -> None:
    web_server.answer = says(encoded(TINY))
    read_from: list[frozenset[str]] = []
    lists.control.state.changed.connect(lambda: read_from.append(lists.control.state.reading))
    lists.add(web_server.address)
    assert frozenset({web_server.address}) in read_from and read_from[-1] == frozenset()
    assert lists.named() == "Tiny"
    (source,) = lists.control.sources
    assert source.url == web_server.address and source.kept_at > 0
    web_server.answer = says(encoded(TINY | {"name": "Tinier"}))
    lists.driver.close(lists.desk)
    again = Lists(lists.driver)
    assert again.named() == "Tiny"
    assert again.control.sources == (source,)
    assert len(web_server.requests) == 1
    again.control.fetch_again(source)
    settle(again.driver, again.desk)
    assert again.named() == "Tinier"
    assert [each.path for each in again.control.sources] == [source.path]
    assert len(web_server.requests) == 2


@pytest.mark.allow_log("catalogue_unreadable", "network_failed")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<html>Sign in to the network</html>", 200),
        (b'{"models": []}', 200),
        (encoded({"id": "tiny"}), 200),
        (b" " * (LARGEST_FILE + 1), 200),
        (b"", 404),
    ],
    ids=["a page", "empty", "no entry", "large", "missing"],
)
def test_what_is_no_list_takes_no_place(lists: Lists, web_server: SmallServer, body: bytes, code: int) -> None:
    web_server.answer = says(encoded(TINY))
    lists.add(web_server.address)
    web_server.answer = says(body, code)
    lists.control.fetch_again(lists.control.sources[0])
    settle(lists.driver, lists.desk)
    assert lists.named() == "Tiny"
    assert lists.control.state.reading == frozenset()
    assert len(lists.driver.notices) == 1
    folder = lists.driver.folders.catalogue
    assert list(folder.iterdir()) == [lists.control.sources[0].path]  # nothing is left beside it


@pytest.mark.allow_log("catalogue_unreadable", "network_failed")
@pytest.mark.parametrize(
    "place",
    [
        "http://models.example.org/list.json",
        "ftp://models.example.org/list.json",
        "https://[models",
        "/there/is/nothing.json",
        "",
    ],
)
def test_a_place_that_cannot_be_read_is_explained(lists: Lists, place: str) -> None:
    lists.add(place)
    (notice,) = lists.driver.notices
    assert notice.text
    assert lists.control.sources == ()


@pytest.mark.allow_log("catalogue_unreadable")
def test_bad_entries_are_told_once_for_each_list(lists: Lists) -> None:
    bad = [TINY | {"id": f"bad-{number}", "n_params": "many"} for number in range(20)]
    write_list(lists.driver.folders.catalogue / "many.json", TINY, *bad)
    write_list(lists.driver.folders.catalogue / "one.json", bad[0])
    for _ in range(2):
        looked(lists.driver, lists.desk)
    texts = sorted(notice.text for notice in lists.driver.notices)
    assert len(texts) == 2
    assert "“many.json”, 20 entries" in texts[0]
    assert "model number 1 " in texts[1]
    assert lists.named() == "Tiny"
