"""The notice of a new version: asked for only as the person wants it, with a real server on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from small_server import SmallServer, says, web_server

from llamadesk.control.desk import Desk
from llamadesk.control.online import updates
from llamadesk.control.online.updates import UpdateControl
from llamadesk.core.project import HOMEPAGE
from llamadesk.core.settings import UPDATE_CHECK, UPDATE_CHECKED_AT
from llamadesk.core.start import StartMode
from tests.control.desk_driver import DeskDriver

__all__ = ["web_server"]

PAGE = f"{HOMEPAGE}/releases/tag/v99.0.0"
NOW = 1_800_000_000.0
HOUR = 3600


class Asker:
    """The control on a desk, with a server and a clock of the test's."""

    def __init__(self, driver: DeskDriver, server: SmallServer, mode: StartMode | None = None) -> None:
        self.driver = driver
        self.server = server
        self.now = NOW
        self.desk: Desk = driver.open(driver.fake({"lives": [{}]}), mode=mode or StartMode())
        self.control = UpdateControl(
            self.desk._rooms, self.desk.preferences, self.desk, address=server.address, clock=lambda: self.now
        )
        self.pages: list[str] = []
        self.control.page_wanted.connect(self.pages.append)
        driver.notices.clear()

    def wanted(self, wanted: bool = True) -> None:
        self.desk.preferences.set(UPDATE_CHECK, wanted)

    def settle(self) -> None:
        """Wait for what was begun."""
        self.driver.settle(self.desk)

    def look(self) -> list[str]:
        """As the app does by itself; what the person is told of it."""
        self.control.check_if_due()
        self.settle()
        return [notice.text for notice in self.driver.notices]

    def ask(self) -> list[str]:
        """As the button does."""
        self.control.check_now()
        self.settle()
        return [notice.text for notice in self.driver.notices]


@pytest.fixture
def asker(driver: DeskDriver, web_server: SmallServer) -> Iterator[Asker]:
    web_server.answer = says(release("99.0.0"))
    yield Asker(driver, web_server)


def release(version: str) -> bytes:
    return json.dumps({"version": version, "page": PAGE, "notes": "Faster."}).encode()


def test_nobody_is_asked_unless_the_person_wants_it(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "_AFTER_START_MS", 0)
    assert asker.desk.settings.get(UPDATE_CHECK, bool) is False
    asker.control.begin()
    asker.driver.pause(0.1)
    assert asker.look() == []
    assert asker.server.requests == []


def test_a_new_version_is_told_and_its_page_opened_on_a_click(asker: Asker) -> None:
    asker.wanted()
    (told,) = asker.look()
    assert told.startswith("LlamaDesk 99.0.0 is out") and told.endswith("Faster.")
    (notice,) = asker.driver.notices
    assert notice.stays
    assert asker.pages == []
    asker.desk.notices.act(notice.action_id)
    assert asker.pages == [PAGE]


def test_after_the_start(driver: DeskDriver, web_server: SmallServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "_AFTER_START_MS", 10)
    web_server.answer = says(release("99.0.0"))
    asker = Asker(driver, web_server)
    asker.wanted()
    asker.control.begin()
    driver.until(lambda: driver.notices)
    assert len(web_server.requests) == 1


def test_at_most_once_a_day_even_where_it_failed(asker: Asker) -> None:
    asker.server.answer = says(b"", 503)
    asker.wanted()
    assert asker.look() == []  # nobody asked, so nobody is bothered
    asker.now += 23 * HOUR
    asker.look()
    assert len(asker.server.requests) == 1
    asker.now += 2 * HOUR
    asker.look()
    assert len(asker.server.requests) == 2


def test_when_it_was_done_is_kept(asker: Asker) -> None:
    asker.wanted()
    asker.look()
    asker.driver.close(asker.desk)
    again = Asker(asker.driver, asker.server)
    assert again.desk.settings.get(UPDATE_CHECKED_AT, int) == int(NOW)
    assert again.look() == []
    assert len(again.server.requests) == 1


def test_a_clock_that_was_ahead_does_not_put_it_off(asker: Asker) -> None:
    asker.wanted()
    asker.desk.preferences.set(UPDATE_CHECKED_AT, int(NOW) + 1000 * HOUR)
    assert len(asker.look()) == 1


@pytest.mark.parametrize("version", ["0.0.1", "99.0.0rc1", "nonsense"])
def test_an_older_or_unfinished_one_is_no_news(asker: Asker, version: str) -> None:
    asker.server.answer = says(release(version))
    asker.wanted()
    assert asker.look() == []
    (told,) = asker.ask()
    assert told.startswith("There is no newer version")


def test_asked_for_it_is_told_whatever_the_setting_and_the_day(asker: Asker) -> None:
    checking: list[bool] = []
    asker.control.checking_changed.connect(checking.append)
    assert len(asker.ask()) == 1
    assert len(asker.ask()) == 2
    assert checking == [True, False] * 2


@pytest.mark.allow_log("network_failed")
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (says(b"", 404), "did not give the answer"),
        (says(b"<html>garbage"), "not understood"),
        (says(b"x" * 100_000), "far too long"),
        (says(b"", 302, Location="http://127.0.0.1:9/"), "did not give the answer"),
    ],
)
def test_trouble_is_told_to_who_asked_and_to_nobody_else(asker: Asker, answer: object, said: str) -> None:
    asker.server.answer = answer  # type: ignore[assignment]
    asker.wanted()
    assert asker.look() == []
    (told,) = asker.ask()
    assert said in told
    assert not asker.driver.bugs


def test_two_presses_are_one_question(asker: Asker) -> None:
    asker.control.check_now()
    asker.control.check_now()
    asker.settle()
    assert len(asker.server.requests) == 1


def test_offline_nobody_is_asked(driver: DeskDriver, web_server: SmallServer) -> None:
    asker = Asker(driver, web_server, StartMode(offline=True))
    asker.wanted()
    assert asker.look() == []
    (told,) = asker.ask()
    assert "--offline" in told
    assert web_server.requests == []


def test_the_window_goes_on_while_the_server_thinks(asker: Asker) -> None:
    answer = asker.server.answer
    asker.server.answer = lambda request: (asker.server.released.wait(60) and answer(request)) or None
    asker.control.check_now()
    asker.driver.until(lambda: asker.server.requests)
    turned: list[int] = []

    async def read() -> None:  # the thread that reads is free too
        turned.append(await asker.desk._rooms.tasks.read(lambda: 1))

    asker.driver.run(read())
    assert turned == [1]
    assert asker.driver.notices == []
    asker.server.released.set()
    asker.settle()
    assert len(asker.driver.notices) == 1
