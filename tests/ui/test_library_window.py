"""The window of models: its pages, the way back, the licence that is asked about once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from library_stand_in import download, look_around, shipped
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QLineEdit, QListWidget, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from stand_in import StandInDesk

from llamadesk.control.notices import NoticeKind
from llamadesk.core.downloads import DownloadStage
from llamadesk.core.settings import LIBRARY_GEOMETRY, PANE_SHOWN, ZOOM
from llamadesk.ui import notice_card
from llamadesk.ui.library import window as window_module
from llamadesk.ui.library.licence_dialog import LicenceDialog
from llamadesk.ui.library.pages import LISTED, LibraryPage
from llamadesk.ui.library.window import LibraryWindow
from llamadesk.ui.main_window import MainWindow
from llamadesk.ui.notice_stack import NoticeStack
from llamadesk.ui.theme import ThemeManager

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", r"raise\(\)")  # the offscreen platform cannot

LLAMA = "llama-2-7b-chat"


class Page(QWidget):
    """Has every signal that a page may have, and writes down what it is to show."""

    family_asked = Signal(str)
    model_page_asked = Signal(object)
    hub_asked = Signal(str)
    licence_asked = Signal(str)
    page_asked = Signal(str)
    downloads_asked = Signal()
    back_asked = Signal()
    file_asked = Signal()
    chat_asked = Signal()

    def __init__(self, page: LibraryPage, parent: QWidget) -> None:
        super().__init__(parent)
        self.page = page
        self.shown: list[object] = []
        self.show_family = self.show_model = self.show_repository = self.shown.append


@pytest.fixture
def desk() -> StandInDesk:
    return StandInDesk()


@pytest.fixture
def library(qtbot: QtBot, desk: StandInDesk, theme: ThemeManager, monkeypatch: pytest.MonkeyPatch) -> LibraryWindow:
    """The window with pages that only write down what they are asked."""
    monkeypatch.setattr(window_module, "make_page", lambda page, _desk, _theme, parent: Page(page, parent))
    result = LibraryWindow(desk, theme)  # type: ignore[arg-type]
    qtbot.addWidget(result)
    result.resize(900, 600)
    result.show_page()
    with qtbot.waitActive(result):
        result.come_forward()
    return result


def shown(library: LibraryWindow) -> Page:
    page = library._stack.currentWidget()
    assert isinstance(page, Page)
    return page


def rows(library: LibraryWindow) -> QListWidget:
    return library.findChild(QListWidget)


def titles(library: LibraryWindow) -> list[str]:
    pages = QAccessible.queryAccessibleInterface(rows(library))
    return [pages.child(i).text(QAccessible.Text.Name) for i in range(pages.childCount())]


def dialog_of(widget: QWidget) -> LicenceDialog:
    found = [dialog for dialog in widget.findChildren(LicenceDialog) if dialog.isVisible()]
    assert len(found) == 1
    return found[0]


def press(widget: QWidget, text: str) -> None:
    next(b for b in widget.findChildren(QPushButton) if b.text() == text and b.isVisible()).click()


# --- Pages ---


def test_it_opens_with_what_suits_and_makes_the_other_pages_only_when_they_are_shown(library: LibraryWindow) -> None:
    assert shown(library).page is LibraryPage.FOR_YOU
    assert len(library.findChildren(Page)) == 1
    rows(library).setCurrentRow(1)
    assert shown(library).page is LibraryPage.COMPARE
    assert len(library.findChildren(Page)) == 2
    assert titles(library) == [entry.title for entry in LISTED]
    assert (rows(library).accessibleName(), library.windowTitle()) == ("Library pages", "Models")


def test_arrows_go_through_the_pages(library: LibraryWindow) -> None:
    assert rows(library).hasFocus()
    for entry in LISTED[1:]:
        QTest.keyClick(rows(library), Qt.Key.Key_Down)
        assert shown(library).page is entry.page


def test_a_model_s_page_leads_back_to_where_one_came_from(library: LibraryWindow) -> None:
    library.show_page("compare")
    shown(library).family_asked.emit(LLAMA)
    assert (shown(library).page, shown(library).shown) == (LibraryPage.FAMILY, [LLAMA])
    assert rows(library).currentRow() == 1  # still the page that it belongs to
    shown(library).model_page_asked.emit(Path("a.gguf"))
    assert (shown(library).page, shown(library).shown) == (LibraryPage.MODEL, [Path("a.gguf")])
    shown(library).back_asked.emit()
    assert shown(library).page is LibraryPage.FAMILY
    QTest.keyClick(library, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert shown(library).page is LibraryPage.COMPARE
    library.go_back()
    assert shown(library).page is LibraryPage.COMPARE


def test_a_click_on_the_page_one_came_from_leads_there(library: LibraryWindow) -> None:
    shown(library).family_asked.emit(LLAMA)
    at = rows(library).visualItemRect(rows(library).item(0)).center()
    QTest.mouseClick(rows(library).viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert shown(library).page is LibraryPage.FOR_YOU


def test_pages_lead_to_each_other(library: LibraryWindow, qtbot: QtBot) -> None:
    shown(library).hub_asked.emit("some/body")
    assert (shown(library).page, shown(library).shown) == (LibraryPage.HUB, ["some/body"])
    shown(library).downloads_asked.emit()
    assert shown(library).page is LibraryPage.DOWNLOADS
    shown(library).hub_asked.emit("")
    assert (shown(library).page, shown(library).shown) == (LibraryPage.HUB, ["some/body"])
    shown(library).page_asked.emit("here")
    assert shown(library).page is LibraryPage.HERE
    with qtbot.waitSignal(library.file_asked):
        shown(library).file_asked.emit()
    with qtbot.waitSignal(library.chat_asked):
        shown(library).chat_asked.emit()
    assert not library.isVisible()


def test_a_notice_can_lead_to_a_repository(library: LibraryWindow, desk: StandInDesk) -> None:
    library.close()
    desk.catalogue.repository_wanted.emit("some/body")
    assert library.isVisible() and shown(library).shown == ["some/body"]


def test_it_opens_where_it_was(library: LibraryWindow) -> None:
    library.show_page("downloads")
    library.close()
    library.show_page()
    library.come_forward()
    assert shown(library).page is LibraryPage.DOWNLOADS


def test_the_downloads_are_counted(library: LibraryWindow, desk: StandInDesk) -> None:
    download(desk, look_around(desk)[0], DownloadStage.DOWNLOADING)
    assert titles(library)[-1] == rows(library).item(len(LISTED) - 1).text() == "Downloads (1)"


def test_a_narrow_window_shows_the_pages_as_icons_that_still_have_names(library: LibraryWindow) -> None:
    library.resize(380, 600)
    assert rows(library).width() < 80
    assert titles(library) == [entry.title for entry in LISTED]
    assert rows(library).item(1).toolTip() == "Compare" and not rows(library).item(1).text()
    library.resize(900, 600)
    assert rows(library).item(1).text() == "Compare"


def test_escape_closes_it_and_its_place_is_remembered(library: LibraryWindow, desk: StandInDesk) -> None:
    QTest.keyClick(QApplication.focusWidget() or library, Qt.Key.Key_Escape)
    assert not library.isVisible()
    assert desk.settings.get(LIBRARY_GEOMETRY, str)


def test_escape_clears_a_search_first(library: LibraryWindow) -> None:
    field = QLineEdit("llama", shown(library))
    field.show()
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert library.isVisible() and not field.text()
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert not library.isVisible()


# --- Licences ---


@pytest.fixture
def asked_for_licence(library: LibraryWindow, desk: StandInDesk) -> LicenceDialog:
    look_around(desk)
    licence = desk.catalogue.licence_of(LLAMA)
    assert licence is not None and licence.must_accept
    desk.catalogue.licence_wanted.emit(licence, LLAMA, "Q4_K_M")
    return dialog_of(library)


def test_a_licence_is_told_in_plain_words_with_the_model_s_limits(asked_for_licence: LicenceDialog) -> None:
    said = "\n".join(label.text() for label in asked_for_licence.findChildren(QLabel))
    licence = next(each for each in shipped().licences if each.id == "llama2")
    model = next(each for each in shipped().models if each.id == LLAMA)
    for part in (licence.title, licence.summary, model.limits, model.name, model.publisher):
        assert part in said


def test_accepting_goes_on_with_the_download(asked_for_licence: LicenceDialog, desk: StandInDesk) -> None:
    press(asked_for_licence, "I accept")
    assert [call for call in desk.asked.calls if call[0] in ("accept", "download")] == [
        ("accept", ("llama2",)),
        ("download", (LLAMA, "Q4_K_M")),
    ]


def test_not_now_changes_nothing(asked_for_licence: LicenceDialog, desk: StandInDesk) -> None:
    press(asked_for_licence, "Not now")
    assert not asked_for_licence.isVisible()
    assert not desk.asked.named("accept") and not desk.asked.named("download")


def test_an_enter_accepts_nothing_and_opens_nothing(
    asked_for_licence: LicenceDialog, desk: StandInDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        "llamadesk.ui.library.licence_dialog.QDesktopServices.openUrl", lambda url: opened.append(url.toString())
    )
    QTest.keyClick(asked_for_licence, Qt.Key.Key_Return)
    assert asked_for_licence.isVisible() and not desk.asked.named("accept") and not opened


def test_its_links_open_in_the_browser(
    asked_for_licence: LicenceDialog, desk: StandInDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        "llamadesk.ui.library.licence_dialog.QDesktopServices.openUrl", lambda url: opened.append(url.toString())
    )
    press(asked_for_licence, "Read the licence")
    press(asked_for_licence, "Read the use policy")
    licence = desk.catalogue.licence_of(LLAMA)
    assert licence is not None
    assert opened == [licence.url, licence.policy_url]


def test_it_can_be_read_again_later(library: LibraryWindow, desk: StandInDesk) -> None:
    look_around(desk)
    shown(library).licence_asked.emit(LLAMA)
    dialog = dialog_of(library)
    assert {button.text() for button in dialog.findChildren(QPushButton)} >= {"Close", "Read the licence"}
    assert "I accept" not in {button.text() for button in dialog.findChildren(QPushButton)}
    press(dialog, "Close")
    assert not desk.asked.named("accept")
    library.show_licence("no-such-model")
    assert not [each for each in library.findChildren(QDialog) if each.isVisible()]


def test_a_question_from_the_empty_chat_is_asked_over_the_main_window(
    make_window: Callable[..., MainWindow], desk: StandInDesk, qtbot: QtBot
) -> None:
    look_around(desk)
    window = make_window(desk)
    desk.models.families_changed.emit()
    qtbot.waitUntil(lambda: window.library is not None)
    desk.catalogue.licence_wanted.emit(desk.catalogue.licence_of(LLAMA), LLAMA, "Q4_0")
    dialog = next(each for each in window.findChildren(LicenceDialog) if each.isVisible())
    assert dialog.parentWidget() is window
    press(dialog, "I accept")
    assert desk.asked.named("download") == [(LLAMA, "Q4_0")]


# --- From the main window ---


def test_a_key_a_button_and_the_settings_lead_to_it(
    make_window: Callable[..., MainWindow], desk: StandInDesk, qtbot: QtBot
) -> None:
    window = make_window(desk.with_model())
    assert window.library is None
    QTest.keyClick(window, Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    library = window.library
    assert library is not None and library.isVisible()
    library.close()
    next(b for b in window.chat.header.findChildren(QPushButton) if b.accessibleName() == "Models").click()
    assert window.library is library and library.isVisible()
    library.close()
    desk.preferences.set(PANE_SHOWN, True)
    press(window.pane, "All models…")
    assert library.isVisible()
    window.show_library("compare")
    assert library.findChild(QWidget, "compare").isVisible()


def told(window: QWidget) -> list[str]:
    stack = next(each for each in window.findChildren(NoticeStack) if each.window() is window)
    return [card.notice.text for card in stack.cards]


def test_what_one_is_told_is_told_in_the_window_in_front_too(
    make_window: Callable[..., MainWindow], desk: StandInDesk
) -> None:
    window = make_window(desk.with_model())
    done: list[str] = []
    desk.notices.post(NoticeKind.WARNING, "Before.")
    window.show_library()
    assert window.library is not None and not told(window.library)
    desk.notices.post(NoticeKind.ERROR, "It failed.", action_label="Try again", action=lambda: done.append("again"))
    desk.notices.post(NoticeKind.WARNING, "Something else.")
    assert told(window.library) == ["It failed.", "Something else."]
    assert told(window) == ["Before.", "It failed.", "Something else."]
    press(window.library.notices, "Try again")  # what is done in one window is done in the other
    assert done == ["again"]
    assert (told(window.library), told(window)) == (["Something else."], ["Before.", "Something else."])
    window.library.close()
    assert told(window) == ["Before.", "Something else."]
    desk.notices.post(NoticeKind.WARNING, "Later.")
    window.show_library()
    assert (told(window.library), told(window)) == ([], ["Before.", "Something else.", "Later."])


def test_what_only_informs_goes_from_each_window_in_its_own_time(
    make_window: Callable[..., MainWindow], desk: StandInDesk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice_card, "_INFO_STAYS_MS", 30)
    window = make_window(desk.with_model())
    window.show_library()
    assert window.library is not None
    desk.notices.post(NoticeKind.INFO, "Removed.", action_label="Undo", action=lambda: None)
    undo = next(b for b in window.library.notices.findChildren(QPushButton) if b.text() == "Undo")
    undo.setFocus()
    qtbot.waitUntil(lambda: told(window) == [])
    assert told(window.library) == ["Removed."]  # the person is at it


def test_what_one_is_told_is_read_out_once_where_one_is(
    make_window: Callable[..., MainWindow], desk: StandInDesk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = make_window(desk.with_model())
    said: list[QWidget] = []
    monkeypatch.setattr(notice_card.NoticeCard, "announce", lambda card: said.append(card.window()))

    def read_out() -> list[QWidget]:
        said.clear()
        desk.notices.post(NoticeKind.ERROR, f"{len(told(window))}")
        return list(said)

    assert read_out() == [window]
    window.show_library()
    assert window.library is not None
    qtbot.waitUntil(window.library.isActiveWindow)
    assert read_out() == [window.library]
    dialog = QDialog(window.library)
    dialog.open()
    qtbot.waitUntil(dialog.isActiveWindow)
    assert read_out() == [window.library]
    dialog.close()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    assert read_out() == [window]
    monkeypatch.setattr(QApplication, "activeWindow", lambda: None)  # another app is in front
    assert read_out() == [window]


def test_its_text_grows_with_the_keys_that_do_so_everywhere(
    make_window: Callable[..., MainWindow], desk: StandInDesk, qtbot: QtBot
) -> None:
    window = make_window(desk.with_model())
    window.show_library()
    assert window.library is not None
    with qtbot.waitActive(window.library):
        window.library.activateWindow()
    QTest.keyClick(window.library, Qt.Key.Key_Plus, Qt.KeyboardModifier.ControlModifier)
    assert desk.settings.get(ZOOM, int) == 110


def test_it_closes_with_the_main_window(make_window: Callable[..., MainWindow], desk: StandInDesk) -> None:
    window = make_window(desk.with_model())
    window.show_library()
    window.close()
    assert window.library is not None and not window.library.isVisible()


def test_using_a_model_leads_to_the_composer(make_window: Callable[..., MainWindow], desk: StandInDesk) -> None:
    window = make_window(desk.with_model())
    window.show_library()
    assert window.library is not None
    window.library.chat_asked.emit()
    assert window.chat.composer.edit.hasFocus() or window.focusWidget() is window.chat.composer.edit


def test_a_start_imports_nothing_of_it() -> None:
    script = (
        "import sys, llamadesk.app; "
        "print([name for name in sys.modules if name.startswith(('llamadesk.ui.library', 'llamadesk.web', "
        "'llamadesk.control.models.catalogue', 'llamadesk.control.online.downloads', 'llamadesk.control.online.hub'))])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "[]"
