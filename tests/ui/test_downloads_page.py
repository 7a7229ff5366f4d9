"""The page with the downloads: a card for each, and what can be done with it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QLocale, Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QAbstractButton, QApplication, QDoubleSpinBox, QLabel, QProgressBar, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from stand_in import StandInDesk

from llamadesk.core.downloads import Download, DownloadEntry, DownloadPart, DownloadStage, DownloadStatus, status_words
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.settings import DOWNLOAD_LIMIT
from llamadesk.ui.library.download_card import DownloadCard
from llamadesk.ui.library.downloads_page import DownloadsPage
from llamadesk.ui.theme import ThemeManager

pytestmark = pytest.mark.qt_log_ignore(r"raise\(\)|propagateSizeHints")  # the offscreen platform cannot

S = DownloadStage
SIZE = 3_600_000_000
TAKEN = Problem(ProblemCode.DOWNLOAD_NAME_TAKEN, "There is another file of that name.", "Rename it.")
NETWORK = Problem(ProblemCode.NETWORK_FAILED, "The server could not be reached.", "Check the connection.")


def entry(number: int, stage: S, done: int = 1_200_000_000, title: str = "", **status: object) -> DownloadEntry:
    part = DownloadPart("https://hub.example/x", f"/models/a/b/{number}.gguf", SIZE, "")
    download = Download(number, title or f"Model {number}", "a/b", (part,))
    return DownloadEntry(download, DownloadStatus(stage, done, SIZE, **status))  # type: ignore[arg-type]


@pytest.fixture
def page(desk: StandInDesk, qtbot: QtBot) -> DownloadsPage:
    page = DownloadsPage(desk, ThemeManager())  # type: ignore[arg-type]
    qtbot.addWidget(page)
    page.resize(700, 600)
    with qtbot.waitActive(page):
        page.show()
        page.activateWindow()
    return page


def show(desk: StandInDesk, qtbot: QtBot, *entries: DownloadEntry) -> None:
    state = desk.downloads.state
    state.show(entries)
    qtbot.waitUntil(lambda: not state._untold)
    QApplication.processEvents()  # so that it is laid out


def shown(parent: QWidget) -> list[str]:
    """The names of the buttons that can be seen."""
    return [b.accessibleName() or b.text() for b in parent.findChildren(QAbstractButton) if b.isVisible()]


def press(parent: QWidget, name: str) -> None:
    (button,) = (b for b in parent.findChildren(QPushButton) if (b.accessibleName() or b.text()) == name)
    assert button.isVisible()
    button.click()


def cards(page: DownloadsPage) -> list[DownloadCard]:
    return sorted((c for c in page.findChildren(DownloadCard) if c.isVisible()), key=lambda card: card.y())


def test_an_empty_list_says_what_will_be_there(page: DownloadsPage, qtbot: QtBot) -> None:
    texts = [label.text() for label in page.findChildren(QLabel) if label.isVisible()]
    assert "Nothing is being downloaded" in texts
    with qtbot.waitSignal(page.page_asked) as asked:
        press(page, "Models that suit this computer")
    assert asked.args == ["for_you"]
    with qtbot.waitSignal(page.hub_asked) as asked:
        press(page, "Find more")
    assert asked.args == [""]
    assert "Clear finished" not in shown(page)


def test_one_card_for_each_in_order(page: DownloadsPage, desk: StandInDesk, qtbot: QtBot) -> None:
    going = entry(1, S.DOWNLOADING, bytes_per_second=8.1e6, seconds_left=300.0)
    show(desk, qtbot, entry(2, S.WAITING, 0), going)
    first, second = cards(page)
    assert first.accessibleName() == f"Model 1: {status_words(going)}"
    assert second.accessibleName().startswith("Model 2: Waiting")
    bar = first.findChild(QProgressBar)
    assert bar is not None and bar.accessibleName() == "Progress of Model 1"
    assert bar.value() == 333
    assert shown(first) == ["Pause Model 1", "Show the folder of Model 1", "Cancel Model 1"]
    assert shown(second) == ["Pause Model 2", "Cancel Model 2"]


@pytest.mark.parametrize(
    ("stage", "name", "call"),
    [
        (S.DOWNLOADING, "Pause Model 1", "pause"),
        (S.RETRYING, "Pause Model 1", "pause"),
        (S.WAITING, "Pause Model 1", "pause"),
        (S.PAUSED, "Continue Model 1", "resume"),
        (S.PAUSED, "Cancel Model 1", "cancel"),
        (S.FAILED, "Try again: Model 1", "retry"),
        (S.FAILED, "Cancel Model 1", "cancel"),
        (S.DONE, "Use it: Model 1", "use_download"),
        (S.DONE, "Remove Model 1 from the list", "cancel"),
    ],
)
def test_what_can_be_done(page: DownloadsPage, desk: StandInDesk, qtbot: QtBot, stage: S, name: str, call: str) -> None:
    show(desk, qtbot, entry(1, stage))
    press(cards(page)[0], name)
    assert desk.asked.named(call) == [(1,)]


def test_a_failure_says_why_and_what_to_do(page: DownloadsPage, desk: StandInDesk, qtbot: QtBot) -> None:
    show(
        desk,
        qtbot,
        entry(1, S.FAILED, problem=NETWORK, trouble="It is tried again."),
        entry(2, S.FAILED, problem=TAKEN),
    )
    network, taken = cards(page)
    (words,) = (each for each in network.findChildren(QLabel) if each.property("tone") == "error")
    assert words.text() == "The server could not be reached. Check the connection. It is tried again."
    assert "Replace the other file: Model 1" not in shown(network)
    press(taken, "Replace the other file: Model 2")
    assert desk.asked.named("replace") == [(2,)]


def test_what_is_done_can_be_used_and_cleared(page: DownloadsPage, desk: StandInDesk, qtbot: QtBot) -> None:
    show(desk, qtbot, entry(1, S.DONE, SIZE))
    bar = cards(page)[0].findChild(QProgressBar)
    assert bar is not None and not bar.isVisible()
    with qtbot.waitSignal(page.chat_asked):
        press(page, "Use it: Model 1")
    press(page, "Clear finished")
    assert desk.asked.named("forget_done") == [()]


def test_a_projector_is_not_offered_for_chat(page: DownloadsPage, desk: StandInDesk, qtbot: QtBot) -> None:
    done = entry(1, S.DONE, SIZE)
    show(desk, qtbot, msgspec.structs.replace(done, download=msgspec.structs.replace(done.download, is_model=False)))
    assert "Use it: Model 1" not in shown(page)


def test_a_card_follows_its_download(page: DownloadsPage, desk: StandInDesk, qtbot: QtBot) -> None:
    show(desk, qtbot, entry(1, S.DOWNLOADING, 100))
    (card,) = cards(page)
    desk.downloads.state.put(entry(1, S.PAUSED, 1_800_000_000))
    qtbot.waitUntil(lambda: "Continue Model 1" in shown(page))
    assert cards(page) == [card]
    desk.downloads.state.remove(1)
    qtbot.waitUntil(lambda: not cards(page))
    assert "Find more" in shown(page)


def test_the_focus_stays_near(page: DownloadsPage, desk: StandInDesk, qtbot: QtBot) -> None:
    show(desk, qtbot, entry(1, S.DOWNLOADING), entry(2, S.PAUSED), entry(3, S.FAILED, problem=NETWORK))

    def focused() -> str:
        widget = page.focusWidget()
        return widget.accessibleName() or widget.text() if isinstance(widget, QPushButton) else ""

    second = cards(page)[1]
    (away,) = (b for b in second.findChildren(QPushButton) if b.accessibleName() == "Cancel Model 2")
    away.setFocus(Qt.FocusReason.TabFocusReason)
    desk.downloads.state.remove(2)
    qtbot.waitUntil(lambda: len(cards(page)) == 2)
    assert focused() == "Try again: Model 3"
    desk.downloads.state.put(entry(3, S.WAITING))  # the button that was pressed is gone
    qtbot.waitUntil(lambda: focused() == "Pause Model 3")
    for number in (3, 1):
        desk.downloads.state.remove(number)
    qtbot.waitUntil(lambda: not cards(page))
    assert focused() == "Models that suit this computer"


def test_everything_can_be_reached_with_the_keyboard(page: DownloadsPage, desk: StandInDesk, qtbot: QtBot) -> None:
    show(desk, qtbot, entry(1, S.DONE, SIZE), entry(2, S.DOWNLOADING))
    reached: list[str] = []
    for _ in range(12):
        qtbot.keyClick(page.focusWidget() or page, Qt.Key.Key_Tab)
        widget = page.focusWidget()
        reached.append(widget.accessibleName() or getattr(widget, "text", str)())
    assert {*shown(page), "Speed limit"} <= set(reached)


def test_the_speed_limit(page: DownloadsPage, desk: StandInDesk) -> None:
    box = page.findChild(QDoubleSpinBox)
    assert box is not None and box.accessibleName() == "Speed limit"
    assert box.text() == "No limit"
    for value, words in ((2.5, "2.5 MB/s"), (10, "10 MB/s"), (0.25, "0.25 MB/s")):
        box.setValue(value)
        assert desk.settings.get(DOWNLOAD_LIMIT, float) == value
        assert box.text() == words
    box.setLocale(QLocale(QLocale.Language.German))
    box.lineEdit().setText("7,50 MB/s")
    box.interpretText()
    assert (box.value(), box.text()) == (7.5, "7,5 MB/s")


def test_the_folder_is_shown(
    page: DownloadsPage, desk: StandInDesk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(Path(url.toLocalFile())))
    show(desk, qtbot, entry(1, S.DONE, SIZE))
    press(page, "Show the folder of Model 1")
    assert opened == [Path("/models/a/b")]


def test_names_from_outside_are_no_markup(page: DownloadsPage, desk: StandInDesk, qtbot: QtBot) -> None:
    markup = '<b>x</b><img src="file:///dev/zero">'
    show(desk, qtbot, entry(1, S.DOWNLOADING, title=markup * 5))
    page.resize(300, 500)
    (card,) = cards(page)
    page.grab()
    assert all(each.textFormat() is Qt.TextFormat.PlainText for each in card.findChildren(QLabel))
    assert not any("<img" in each.toolTip() for each in card.findChildren(QWidget))


@pytest.mark.parametrize(("width", "zoom"), [(290, 100), (380, 100), (1400, 100), (480, 200), (1400, 200)])
def test_nothing_is_cut_off(desk: StandInDesk, qtbot: QtBot, width: int, zoom: int) -> None:
    theme = ThemeManager()
    theme.set_zoom(zoom)
    page = DownloadsPage(desk, theme)  # type: ignore[arg-type]
    qtbot.addWidget(page)
    page.resize(width, 700)
    page.show()
    show(desk, qtbot, entry(1, S.FAILED, problem=TAKEN), entry(2, S.DONE, SIZE), entry(3, S.DOWNLOADING))
    for card in cards(page):
        right = card.mapTo(page, card.rect().topRight()).x()
        assert right <= page.width()
        for button in card.findChildren(QPushButton):
            if button.isVisible():
                assert card.rect().contains(button.mapTo(card, button.rect().bottomRight()))
