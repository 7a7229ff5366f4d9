"""The dialog of a person's own lists of models: what it shows of them, what it asks for, and by which keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from library_stand_in import look_around, shipped
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from stand_in import StandInDesk

from llamadesk.control.notices import NoticeKind
from llamadesk.core.catalogue import Catalogue, CatalogueSource
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.ui.library.compare_page import ComparePage
from llamadesk.ui.library.list_card import ListCard
from llamadesk.ui.library.lists_dialog import ListsDialog
from llamadesk.ui.theme import ThemeManager

pytestmark = pytest.mark.qt_log_ignore(r"raise\(\)|propagateSizeHints")  # the offscreen platform cannot

FOLDER = Path("/data/catalogue")
URL = "https://models.example.org/lists/good-models.json"
FETCHED = CatalogueSource(FOLDER / "good-models-1.json", URL, 1_780_000_000_000, "", 12)
COPIED = CatalogueSource(FOLDER / "theirs-2.json", "", 1_780_000_000_000, "/home/me/theirs.json", 1)
OWN = CatalogueSource(FOLDER / "own.json", n_models=3)


@pytest.fixture
def desk() -> StandInDesk:
    return StandInDesk()


@pytest.fixture
def dialog(qtbot: QtBot, desk: StandInDesk, theme: ThemeManager) -> ListsDialog:
    look_around(desk)
    result = ListsDialog(desk, theme)  # type: ignore[arg-type]
    result.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(result)
    with qtbot.waitActive(result):
        result.open()
        result.activateWindow()
    return result


def show(desk: StandInDesk, *sources: CatalogueSource, problems: tuple[tuple[Path, Problem], ...] = ()) -> None:
    catalogue = Catalogue(shipped().models, shipped().licences, problems)
    desk.catalogue.state.show_catalogue(catalogue, sources)


def cards(dialog: ListsDialog) -> list[ListCard]:
    found = [card for card in dialog.findChildren(ListCard) if card.isVisible()]
    return sorted(found, key=lambda card: card.y())


def buttons(widget: QWidget) -> list[str]:
    return [b.text() for b in widget.findChildren(QPushButton) if b.isVisible() and b.text()]


def texts(widget: QWidget) -> str:
    return "\n".join(each.text() for each in widget.findChildren(QLabel) if each.isVisible())


def press(widget: QWidget, name: str) -> None:
    (found,) = (b for b in widget.findChildren(QPushButton) if name in (b.accessibleName(), b.text()) and b.isVisible())
    found.click()


def test_without_a_list_it_says_what_one_is_and_what_is_sent(dialog: ListsDialog) -> None:
    assert "You have added no list" in texts(dialog)
    assert "your internet address" in texts(dialog)
    assert cards(dialog) == []
    assert dialog.address.hasFocus()


def test_a_list_says_where_it_is_from_and_offers_what_can_be_done(
    dialog: ListsDialog, desk: StandInDesk, qtbot: QtBot
) -> None:
    show(desk, FETCHED, OWN, COPIED)
    qtbot.waitUntil(lambda: [card.accessibleName().split(":")[0] for card in cards(dialog)] == [
        "good-models.json", "own.json", "theirs.json"
    ])  # fmt: skip
    fetched, own, copied = cards(dialog)
    assert "12 models" in texts(fetched) and URL in texts(fetched) and "2026" in texts(fetched)
    assert "3 models" in texts(own) and str(FOLDER) in texts(own)
    assert "1 model" in texts(copied) and "/home/me/theirs.json" in texts(copied)
    assert (buttons(fetched), buttons(own), buttons(copied)) == (
        ["Fetch again", "Remove"],
        ["Open folder"],  # what the person put there is theirs to take away
        ["Remove"],
    )
    press(dialog, "Fetch good-models.json again")
    press(dialog, "Remove theirs.json")
    assert desk.asked.named("fetch_again") == [(FETCHED,)]
    assert desk.asked.named("remove_source") == [(COPIED,)]
    assert "You have added no list" not in texts(dialog)


def test_what_cannot_be_used_is_told_at_the_list(dialog: ListsDialog, desk: StandInDesk) -> None:
    problem = Problem(ProblemCode.CATALOGUE_UNREADABLE, "Model number 3 cannot be used.", "Correct it.", "no name")
    show(desk, FETCHED, OWN, problems=((OWN.path, problem),))
    fetched, own = cards(dialog)
    assert "Model number 3 cannot be used. Correct it.\nno name" in texts(own)  # the last in small print
    assert "Model number 3" in own.accessibleDescription()
    assert "Model number 3" not in texts(fetched)
    show(desk, FETCHED, OWN)
    assert "Model number 3" not in texts(own) + own.accessibleDescription()


def test_an_address_is_added_with_enter_and_stays_until_its_list_is_there(
    dialog: ListsDialog, desk: StandInDesk
) -> None:
    state = desk.catalogue.state
    assert not dialog.add_button.isEnabled()
    QTest.keyClick(dialog.address, Qt.Key.Key_Return)
    assert desk.asked.named("add_source") == []
    QTest.keyClicks(dialog.address, f" {URL} ")
    QTest.keyClick(dialog.address, Qt.Key.Key_Return)
    assert desk.asked.named("add_source") == [(URL,)]
    assert dialog.isVisible()  # Enter pressed nothing else
    state.set_reading(frozenset({URL}))
    assert "Fetching the list" in texts(dialog) and not dialog.add_button.isEnabled()
    state.set_reading(frozenset())
    assert dialog.address.text().strip() == URL and dialog.add_button.isEnabled()  # it went wrong
    dialog.add_button.click()
    show(desk, FETCHED)
    assert dialog.address.text() == ""


def test_one_that_is_there_already_is_fetched_anew(dialog: ListsDialog, desk: StandInDesk) -> None:
    show(desk, FETCHED)
    dialog.address.setText(URL)
    dialog.add_button.click()
    desk.catalogue.state.set_reading(frozenset({URL}))
    assert "Fetching it again" in texts(cards(dialog)[0])
    again = next(b for b in cards(dialog)[0].findChildren(QPushButton) if b.text() == "Fetch again")
    assert not again.isEnabled()
    desk.catalogue.state.set_reading(frozenset())
    assert dialog.address.text() == URL and again.isEnabled()
    show(desk, CatalogueSource(FETCHED.path, URL, FETCHED.kept_at + 1, "", 13))
    assert dialog.address.text() == "" and "13 models" in texts(dialog)


def test_a_file_is_chosen(dialog: ListsDialog, desk: StandInDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([("", ""), ("/home/me/theirs.json", "")])
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: next(answers))
    press(dialog, "Add a file…")
    assert desk.asked.named("add_source") == []
    press(dialog, "Add a file…")
    assert desk.asked.named("add_source") == [("/home/me/theirs.json",)]


def test_the_folder_of_an_own_file_is_opened(
    dialog: ListsDialog, desk: StandInDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(Path(url.toLocalFile())))
    show(desk, OWN)
    press(dialog, "Open the folder of own.json")
    assert opened == [FOLDER]


def test_the_focus_stays_near_when_a_list_goes(dialog: ListsDialog, desk: StandInDesk) -> None:
    def focused() -> str:
        widget = QApplication.focusWidget()
        return (widget.accessibleName() or widget.text()) if isinstance(widget, QPushButton) else ""

    show(desk, FETCHED, OWN, COPIED)
    next(b for b in cards(dialog)[2].findChildren(QPushButton) if b.text() == "Remove").setFocus()
    assert focused() == "Remove theirs.json"
    show(desk, FETCHED, OWN)
    assert focused() == "Open the folder of own.json"
    show(desk, FETCHED)
    assert focused() == "Fetch good-models.json again"
    desk.catalogue.state.set_reading(frozenset({URL}))
    assert focused() == "Remove good-models.json"
    show(desk)
    assert focused() == "Add a file…"


def test_everything_can_be_reached_with_the_keyboard(dialog: ListsDialog, desk: StandInDesk) -> None:
    show(desk, FETCHED, OWN)
    dialog.address.setText(URL)
    reached = []
    for _ in range(10):
        QTest.keyClick(QApplication.focusWidget() or dialog, Qt.Key.Key_Tab)
        widget = QApplication.focusWidget()
        reached.append(widget.accessibleName() or getattr(widget, "text", str)() if widget else "")
    wanted = {
        "Address of a list",
        "Add the list at this address",
        "Add a file…",
        "Fetch good-models.json again",
        "Remove good-models.json",
        "Open the folder of own.json",
        "Close",
    }
    assert wanted <= set(reached)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_what_went_wrong_is_told_in_it(dialog: ListsDialog, desk: StandInDesk) -> None:
    desk.notices.attach()
    desk.notices.post(NoticeKind.ERROR, "This list of models is empty.")
    assert [card.notice.text for card in dialog.notices.cards] == ["This list of models is empty."]
    assert dialog.notices.isVisible()


def test_names_from_outside_are_no_markup(dialog: ListsDialog, desk: StandInDesk) -> None:
    markup = '<b>x</b><img src="file:///dev/zero">'
    show(desk, CatalogueSource(FOLDER / "a.json", f"https://x.example.org/{markup}", 1, "", 1))
    dialog.resize(300, 500)
    dialog.grab()
    (card,) = cards(dialog)
    assert all(each.textFormat() is Qt.TextFormat.PlainText for each in card.findChildren(QLabel))
    assert not any("<img" in each.toolTip() for each in card.findChildren(QWidget))


@pytest.mark.parametrize(("width", "zoom"), [(340, 100), (380, 100), (1400, 100), (480, 200), (1400, 200)])
def test_nothing_is_cut_off(desk: StandInDesk, qtbot: QtBot, width: int, zoom: int) -> None:
    theme = ThemeManager()
    theme.set_zoom(zoom)
    dialog = ListsDialog(desk, theme)  # type: ignore[arg-type]
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    dialog.resize(width, 700)
    dialog.show()
    problem = Problem(ProblemCode.CATALOGUE_UNREADABLE, "A title.", "Some advice.", "detail " * 30)
    show(desk, FETCHED, OWN, COPIED, problems=((OWN.path, problem),))
    QApplication.processEvents()
    assert dialog.width() == width
    for widget in (*cards(dialog), *(b for b in dialog.findChildren(QPushButton) if b.isVisible())):
        left, right = widget.mapTo(dialog, widget.rect().topLeft()).x(), widget.mapTo(dialog, widget.rect().topRight())
        assert left >= 0 and right.x() <= dialog.width()
        assert widget.width() >= min(widget.sizeHint().width(), widget.minimumSizeHint().width())


def test_it_is_opened_from_the_comparison(desk: StandInDesk, theme: ThemeManager, qtbot: QtBot) -> None:
    look_around(desk)
    page = ComparePage(desk, theme)  # type: ignore[arg-type]
    qtbot.addWidget(page)
    page.show()
    press(page, "Lists of models…")
    (dialog,) = page.findChildren(ListsDialog)
    assert dialog.isVisible() and dialog.isModal()
    dialog.close()
