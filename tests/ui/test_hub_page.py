"""The page "Find more", with the real control, against a real hub on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from gguf_files import Shape
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from llamadesk.control.online.hub import HubControl
from llamadesk.core.catalogue import Licence
from llamadesk.core.downloads import Download, DownloadEntry, DownloadPart, DownloadStage, DownloadStatus
from llamadesk.core.hub import HubFile
from llamadesk.core.settings import Theme
from llamadesk.ui.library.hub_page import HubPage
from llamadesk.ui.library.licence_dialog import LicenceDialog
from llamadesk.ui.theme import ThemeManager
from tests.control.hub_driver import HubDriver, hub_driver, server
from tests.web.hub_server import GRANTED_TOKEN, Fault, HubServer

__all__ = ["hub_driver", "server"]

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")  # the offscreen platform cannot

MODEL = "someone/Small-7B-GGUF"
NARROWEST = 380 - 52  # of the window, less its list of pages where that is folded


class DownloadList(QObject):
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], DownloadEntry] = {}

    def of_file(self, repository: str, path: str) -> DownloadEntry | None:
        return self.entries.get((repository, path))


class Downloads:
    """Writes down what it is asked for."""

    def __init__(self) -> None:
        self.state = DownloadList()
        self.added: list[tuple[str, str]] = []

    def add(self, file: HubFile, title: str) -> None:
        self.added.append((file.path, title))
        part = DownloadPart("https://hub.invalid/x", "/models/x.gguf", 100, "")
        status = DownloadStatus(DownloadStage.DOWNLOADING, 42, 100)
        download = Download(1, title, file.repository, (part,), from_hub_path=file.path)
        self.state.entries[file.repository, file.path] = DownloadEntry(download, status)
        self.state.changed.emit()


class Licences:
    """Of the catalogue: one that has to be accepted."""

    def __init__(self) -> None:
        summary = "May be used by nearly everybody."
        self.known = Licence("llama2", "Llama 2 Community License", "https://hub.invalid/l", summary, must_accept=True)
        self.accepted: list[str] = []

    def licence_to_accept(self, licence_id: str) -> Licence | None:
        return self.known if licence_id == self.known.id and licence_id not in self.accepted else None

    def accept(self, licence_id: str) -> None:
        self.accepted.append(licence_id)


class HubDesk:
    """What the page asks of a desk."""

    def __init__(self, hub: HubControl) -> None:
        self.hub = hub
        self.downloads = Downloads()
        self.catalogue = Licences()


@pytest.fixture
def desk(hub_driver: HubDriver) -> HubDesk:  # type: ignore[override]
    return HubDesk(hub_driver.control())


@pytest.fixture
def page(desk: HubDesk, qtbot: QtBot) -> Iterator[HubPage]:
    theme = ThemeManager()
    page = HubPage(desk, theme)  # type: ignore[arg-type]
    qtbot.addWidget(page)
    page.resize(900, 700)
    page.show()
    yield page
    theme.set_theme(Theme.SYSTEM)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return Shape(file_type=15).write(tmp_path_factory.mktemp("hub") / "tiny.gguf").read_bytes()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that were opened in the browser."""
    addresses: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: addresses.append(url.toString()) or True)
    return addresses


def words(widget: object) -> str:
    """What can be read on a widget now."""
    shown = [each.text() for each in widget.findChildren(QLabel) if each.isVisible()]  # type: ignore[attr-defined]
    shown += [each.text() for each in widget.findChildren(QPushButton) if each.isVisible()]  # type: ignore[attr-defined]
    return "\n".join(shown)


def press(widget: object, text: str) -> None:
    """Press the button with these words that is shown first."""
    buttons = [
        button
        for button in widget.findChildren(QPushButton)  # type: ignore[attr-defined]
        if button.isVisible() and button.text() == text
    ]
    assert buttons, f"no {text!r} among {words(widget)}"
    buttons[0].click()


def search(page: HubPage, text: str, qtbot: QtBot) -> None:
    qtbot.keyClicks(page.search_view.field, text)
    qtbot.keyClick(page.search_view.field, Qt.Key.Key_Return)


def open_model(page: HubPage, hub_driver: HubDriver, n_files: int) -> None:
    page.show_repository(MODEL)
    hub_driver.settle()
    hub_driver.until(lambda: len(page.model_view.files.rows) == n_files)


class TestSearch:
    def test_nothing_is_sent_until_search_is_pressed_and_what_then_is_said(
        self, page: HubPage, server: HubServer, hub_driver: HubDriver, qtbot: QtBot
    ) -> None:
        qtbot.keyClicks(page.search_view.field, "small")
        hub_driver.settle()
        assert server.requests == []
        assert f"Search asks 127.0.0.1:{server.endpoint.rpartition(':')[2]} for these words" in words(page)

    def test_from_the_words_to_the_page_by_keyboard(
        self, page: HubPage, server: HubServer, hub_driver: HubDriver, qtbot: QtBot, tiny: bytes
    ) -> None:
        server.add("someone/Other-Small", "m-Q4_0.gguf", tiny)
        server.add(MODEL, "m-Q4_0.gguf", tiny, gated=True)
        server.describe(MODEL, downloads=9, tags=["gguf", "license:llama2"], gguf={"total": 6_700_000_000})
        search(page, "small", qtbot)
        hub_driver.settle()
        results = page.search_view.results
        assert results.count() == 2 and "2 models for “small”" in words(page)
        spoken = results.item(0).data(Qt.ItemDataRole.AccessibleTextRole)
        assert (
            spoken.startswith("Small-7B-GGUF by someone, 9 downloads a month, 6.7 billion parameters, Llama 2")
            and "asks who" in spoken
        )
        results.setFocus()
        qtbot.keyClick(results, Qt.Key.Key_Home)
        qtbot.keyClick(results, Qt.Key.Key_Return)
        hub_driver.settle()
        assert page.model_view.isVisible() and "Small-7B-GGUF" in words(page.model_view)
        press(page.model_view, "Back")
        assert page.search_view.isVisible() and results.count() == 2

    def test_nothing_found(self, page: HubPage, hub_driver: HubDriver, qtbot: QtBot) -> None:
        search(page, "small", qtbot)
        hub_driver.settle()
        assert "Nothing was found for “small”" in words(page)
        assert not page.search_view.results.isVisible()

    @pytest.mark.parametrize(
        ("status", "said"),
        [(429, "asks for patience"), (503, "out of order"), (401, "valid access token"), (404, "no such model")],
    )
    def test_trouble_is_explained_and_can_be_tried_again(
        self, page: HubPage, server: HubServer, hub_driver: HubDriver, qtbot: QtBot, status: int, said: str
    ) -> None:
        server.add(MODEL, "m-Q4_0.gguf", b"x")
        server.hub_faults = [Fault(status=status)]
        search(page, "small", qtbot)
        hub_driver.settle()
        assert said in words(page)
        press(page, "Try again")
        hub_driver.settle()
        assert said not in words(page) and page.search_view.results.count() == 1

    def test_a_hub_that_hangs_does_not_hold_up_the_window(
        self, page: HubPage, server: HubServer, hub_driver: HubDriver, qtbot: QtBot
    ) -> None:
        def hang(request: BaseHTTPRequestHandler, _: bytes) -> None:
            server.released.wait(60)
            request.close_connection = True

        server.add(MODEL, "m-Q4_0.gguf", b"x")
        server.hub_faults = [hang]
        search(page, "smalll", qtbot)
        hub_driver.until(lambda: server.requests)
        assert "Asking 127.0.0.1" in words(page)
        qtbot.keyClick(page.search_view.field, Qt.Key.Key_Backspace)
        qtbot.keyClick(page.search_view.field, Qt.Key.Key_Return)
        hub_driver.until(lambda: page.search_view.results.count() == 1)

    def test_names_that_look_like_markup_are_shown_as_they_are(
        self, page: HubPage, server: HubServer, hub_driver: HubDriver, qtbot: QtBot
    ) -> None:
        search(page, "<img src=x> <b>small", qtbot)
        hub_driver.settle()
        assert "“<img src=x> <b>small”" in words(page)
        assert all(label.textFormat() is Qt.TextFormat.PlainText for label in page.findChildren(QLabel) if label.text())


class TestModel:
    def test_what_the_page_tells(
        self, page: HubPage, server: HubServer, hub_driver: HubDriver, opened: list[str], tiny: bytes
    ) -> None:
        server.add(MODEL, "m-Q4_K_M.gguf", tiny)
        server.add(MODEL, "m-Q8_0.gguf", tiny * 2)
        server.add(MODEL, "mmproj-m.gguf", tiny)
        card = {
            "license": "other",
            "license_name": "llama2",
            "license_link": "https://hub.invalid/licence",
            "language": ["en", "de", "xx-mine"],
            "base_model": "someone/Small-7B",
        }
        server.describe(MODEL, downloads=41_000, gguf={"total": 6_700_000_000, "context_length": 4096}, cardData=card)
        open_model(page, hub_driver, 3)
        said = words(page)
        for expected in (
            "by someone",
            "6.7 billion parameters",
            "4,096 tokens, about 6 pages",
            "llama2",
            "English, German, xx-mine",
            "someone/Small-7B",
            "41 thousand downloads a month",
            "Q4_K_M",
            "Quality: good; a little is lost.",
            "Fits comfortably: about",
            "with a context length of 512 tokens, about a page",
            "pictures or sound",
        ):
            assert expected in said, said
        press(page, "Read the licence in the browser")
        press(page, "Open its page in the browser")
        assert opened == ["https://hub.invalid/licence", f"{server.endpoint}/{MODEL}"]

    def test_an_address_that_is_no_web_page_is_not_offered(
        self, page: HubPage, server: HubServer, hub_driver: HubDriver
    ) -> None:
        server.add(MODEL, "m-Q4_0.gguf", b"x")
        server.describe(MODEL, cardData={"license_link": "file:///etc/passwd"})
        open_model(page, hub_driver, 1)
        assert "Read the licence" not in words(page)

    def test_a_file_is_looked_into_and_downloaded(
        self, page: HubPage, desk: HubDesk, server: HubServer, hub_driver: HubDriver, qtbot: QtBot, tiny: bytes
    ) -> None:
        server.add(MODEL, "m-Q4_0.gguf", tiny)
        server.add(MODEL, "m-Q8_0.gguf", tiny + b"0")
        open_model(page, hub_driver, 2)
        row = page.model_view.files.rows[1]
        assert "Context up to" not in words(row)
        press(row, "Look closer")
        hub_driver.settle()
        assert "Context up to 512 tokens." in row.accessibleName()
        press(row, "Download")
        assert desk.downloads.added == [("m-Q8_0.gguf", "Small 7B Q8_0")]
        assert "42 of 100 bytes" in words(row)
        with qtbot.waitSignal(page.downloads_asked):
            press(row, "See downloads")

    def test_a_licence_that_asks_for_it_is_accepted_once(
        self, page: HubPage, desk: HubDesk, server: HubServer, hub_driver: HubDriver, tiny: bytes
    ) -> None:
        server.add(MODEL, "m-Q4_0.gguf", tiny)
        server.add(MODEL, "m-Q8_0.gguf", tiny + b"0")
        server.describe(MODEL, cardData={"license": "llama2"})
        open_model(page, hub_driver, 2)
        for button in ("Not now", "I accept"):
            press(page.model_view.files.rows[0], "Download")
            assert desk.downloads.added == []
            (dialog,) = [each for each in page.findChildren(LicenceDialog) if each.isVisible()]
            press(dialog, button)
        assert desk.catalogue.accepted == ["llama2"]
        press(page.model_view.files.rows[1], "Download")
        assert [path for path, _ in desk.downloads.added] == ["m-Q4_0.gguf", "m-Q8_0.gguf"]

    def test_one_without_files_for_us(self, page: HubPage, server: HubServer, hub_driver: HubDriver) -> None:
        server.add(MODEL, "model.safetensors", b"x")
        page.show_repository(MODEL)
        hub_driver.settle()
        assert "no file here that LlamaDesk could run" in words(page)

    def test_trouble_with_the_page(
        self, page: HubPage, server: HubServer, hub_driver: HubDriver, qtbot: QtBot, tiny: bytes
    ) -> None:
        server.add(MODEL, "m-Q4_0.gguf", tiny)
        server.hub_faults = [None, Fault(status=503)]  # the list of its files
        page.show_repository(MODEL)
        hub_driver.settle()
        assert "out of order" in words(page) and "by someone" in words(page)
        press(page, "Try again")
        hub_driver.settle()
        hub_driver.until(lambda: len(page.model_view.files.rows) == 1)
        with qtbot.waitSignal(page.back_asked):  # it was not come to from the search
            press(page, "Back")
        assert page.search_view.isVisible()

    def test_many_files_come_bit_by_bit(self, page: HubPage, server: HubServer, hub_driver: HubDriver) -> None:
        for number in range(30):
            server.add(MODEL, f"m{number:02}-Q4_0.gguf", b"x")
        page.show_repository(MODEL)
        hub_driver.until(lambda: page.model_view.files.rows)
        assert len(page.model_view.files.rows) < 30
        hub_driver.until(lambda: len(page.model_view.files.rows) == 30)
        hub_driver.settle()


class TestGate:
    @pytest.fixture
    def gated(self, server: HubServer, tiny: bytes) -> None:
        server.add(MODEL, "m-Q4_0.gguf", tiny, gated=True)

    @pytest.mark.usefixtures("gated")
    def test_why_and_how_and_in(
        self, page: HubPage, server: HubServer, hub_driver: HubDriver, qtbot: QtBot, opened: list[str]
    ) -> None:
        open_model(page, hub_driver, 1)
        said = words(page)
        assert "wants to know who downloads it" in said and "kept in the system's keyring" in said
        press(page, "Open the model's page")
        press(page.model_view, "Make a token in the browser")
        assert opened == [f"{server.endpoint}/{MODEL}", f"{server.endpoint}/settings/tokens"]
        (field,) = [each for each in page.model_view.findChildren(QLineEdit) if each.isVisible()]
        assert (field.accessibleName(), field.echoMode()) == ("Access token", QLineEdit.EchoMode.Password)
        qtbot.keyClicks(field, "hf_other")
        qtbot.keyClick(field, Qt.Key.Key_Return)
        assert field.text() == ""
        hub_driver.settle()
        assert "Your account has not been let in yet" in words(page)
        qtbot.keyClicks(field, GRANTED_TOKEN)
        press(page.model_view, "Use this token")
        hub_driver.settle()
        assert "You have been let in" in words(page) and "Fits comfortably" in words(page)
        assert GRANTED_TOKEN not in words(page)

    @pytest.mark.usefixtures("gated")
    def test_where_the_token_is_and_forgetting_it(self, page: HubPage, hub_driver: HubDriver, qtbot: QtBot) -> None:
        hub_driver.vault.broken = True
        press(page.search_view, "Access token…")
        (field,) = [
            each
            for each in page.search_view.findChildren(QLineEdit)
            if each.isVisible() and each.accessibleName() == "Access token"
        ]
        qtbot.keyClicks(field, GRANTED_TOKEN)
        qtbot.keyClick(field, Qt.Key.Key_Return)
        hub_driver.settle()
        assert "until LlamaDesk is closed. It is never written into a file" in words(page)
        press(page.search_view, "Forget the token")
        hub_driver.settle()
        assert "There is no token yet." in words(page) and "Forget the token" not in words(page)


@pytest.mark.parametrize("zoom", [100, 150])
def test_it_becomes_as_narrow_as_the_window(
    page: HubPage, server: HubServer, hub_driver: HubDriver, qtbot: QtBot, tiny: bytes, zoom: int
) -> None:
    page._theme.set_zoom(zoom)
    server.add(MODEL, "folder/a-very-long-name-of-a-model-that-somebody-chose-Q4_K_M.gguf", tiny, gated=True)
    search(page, "small", qtbot)
    hub_driver.settle()
    widths = [page.minimumSizeHint().width()]
    open_model(page, hub_driver, 1)
    widths.append(page.minimumSizeHint().width())
    assert max(widths) <= NARROWEST * zoom / 100
    page.resize(round(NARROWEST * zoom / 100), 600)
    hub_driver.turn()
    assert all(
        row.width() <= page.width() and row.main.mapTo(page, row.main.rect().bottomRight()).x() <= page.width()
        for row in page.model_view.files.rows
    )


def test_both_themes_dress_it(page: HubPage, server: HubServer, hub_driver: HubDriver, tiny: bytes) -> None:
    server.add(MODEL, "m-Q4_0.gguf", tiny)
    open_model(page, hub_driver, 1)
    for theme in (Theme.DARK, Theme.LIGHT):
        page._theme.set_theme(theme)
        image = page.grab().toImage()
        corner = image.pixelColor(3, image.height() - 3).name()
        assert corner == page._theme.colours.window
