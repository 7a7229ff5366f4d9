"""The page of what is on this computer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QFileDialog, QLabel
from pytestqt.qtbot import QtBot
from stand_in import StandInDesk, model_file

from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.models import ModelFamily, ModelFile
from llamadesk.core.places import Finds, Place, Root, Unusable, Where
from llamadesk.core.settings import OTHER_APPS, PANE_SHOWN
from llamadesk.ui.library.here_group import HereGroup
from llamadesk.ui.library.here_page import HerePage
from llamadesk.ui.library.here_rows import FileRow, UnusableRow
from llamadesk.ui.main_window import MainWindow
from llamadesk.ui.theme import ThemeManager

pytestmark = pytest.mark.qt_log_ignore(r"propagateSizeHints|raise\(\)")  # the offscreen platform cannot

OWN, MINE, STUDIO = Path("/data/models"), Path("/disk/mine"), Path("/home/x/.lmstudio/models")
PROBLEM = Problem(ProblemCode.MODEL_DAMAGED, "Part 2 of the 3 parts of this model is missing.", "Download it.")


def at(path: Path, family: str, quantization: str = "Q4_0") -> ModelFile:
    return msgspec.structs.replace(model_file(family, quantization, 3_800_000_000), path=path)


def finds_of(files: dict[ModelFile, Place], *unusable: Unusable, mine_is_there: bool = True) -> Finds:
    families: dict[str, list[ModelFile]] = {}
    for file in files:
        families.setdefault(file.family, []).append(file)
    return Finds(
        families=tuple(ModelFamily(name, tuple(members)) for name, members in families.items()),
        places={file.path: place for file, place in files.items()},
        unusable=unusable,
        roots=(
            Root(Where.OWN, OWN),
            Root(Where.FOLDER, MINE, is_there=mine_is_there),
            Root(Where.APP, STUDIO, "LM Studio"),
        ),
    )


LLAMA = at(OWN / "llama.gguf", "Llama 2 7B Chat")
ZEBRA = at(STUDIO / "publisher" / "Zebra-GGUF" / "zebra.gguf", "Zebra 7B", "Q8_0")
FILES = {
    LLAMA: Place(Where.OWN, OWN, is_own=True, parts=(LLAMA.path,), also_in=("Jan",)),
    ZEBRA: Place(Where.APP, STUDIO, "LM Studio", parts=(ZEBRA.path, ZEBRA.path)),
}
BROKEN = Unusable(MINE / "big-00001-of-00003.gguf", PROBLEM, Where.FOLDER, MINE)


@pytest.fixture
def empty_desk() -> StandInDesk:
    return StandInDesk()


@pytest.fixture
def page(empty_desk: StandInDesk, qtbot: QtBot) -> HerePage:
    page = HerePage(empty_desk, ThemeManager())  # type: ignore[arg-type]
    qtbot.addWidget(page)
    page.resize(800, 700)
    with qtbot.waitExposed(page):
        page.show()
    return page


def show(page: HerePage, desk: StandInDesk, finds: Finds, qtbot: QtBot) -> None:
    desk.models.set_finds(finds)
    grown(page, qtbot)


def grown(page: HerePage, qtbot: QtBot) -> None:
    """Wait until all rows are made and laid out."""
    qtbot.waitUntil(lambda: not page._growing.isActive(), timeout=20_000)
    QTest.qWait(10)


def button(page: HerePage, name: str) -> QAbstractButton:
    (found,) = (b for b in page.findChildren(QAbstractButton) if b.accessibleName() == name or b.text() == name)
    return found


def texts(page: HerePage) -> list[str]:
    return [label.text() for label in page.findChildren(QLabel) if label.isVisibleTo(page) and label.text()]


def test_each_file_stands_where_it_lies(page: HerePage, empty_desk: StandInDesk, qtbot: QtBot) -> None:
    assert "Looking for models…" in texts(page)
    show(page, empty_desk, finds_of(FILES, BROKEN), qtbot)
    groups = sorted(page.findChildren(HereGroup), key=lambda group: group.y())
    assert [group.accessibleName() for group in groups] == ["LlamaDesk's folder", "mine", "LM Studio"]
    shown = texts(page)
    assert "Looking for models…" not in shown
    for words in (
        "Llama 2 7B Chat",
        "Q4_0  ·  3.8 GB  ·  also in Jan",
        "llama.gguf",
        "Zebra 7B",
        "Q8_0  ·  3.8 GB  ·  in 2 files",
        "publisher/Zebra-GGUF/zebra.gguf",
        "big-00001-of-00003.gguf",
        PROBLEM.text,
    ):
        assert words.replace("/", str(Path("/"))[0]) in shown or words in shown, words


def test_what_can_be_done_with_a_file(page: HerePage, empty_desk: StandInDesk, qtbot: QtBot) -> None:
    show(page, empty_desk, finds_of(FILES), qtbot)
    asked: list[object] = []
    page.family_asked.connect(asked.append)
    page.model_page_asked.connect(asked.append)
    page.chat_asked.connect(lambda: asked.append("chat"))
    button(page, "Use: Zebra 7B Q8_0").click()
    assert empty_desk.asked.named("choose_file") == [(ZEBRA.path,)]
    button(page, "Details: Llama 2 7B Chat Q4_0").click()
    button(page, "All versions: Llama 2 7B Chat Q4_0").click()
    empty_desk.models.choose(ZEBRA)
    button(page, "Chat: Zebra 7B Q8_0").click()
    assert asked == [LLAMA.path, "Llama 2 7B Chat", "chat"]
    assert "In use  ·  Q8_0  ·  3.8 GB  ·  in 2 files" in texts(page)
    empty_desk.models.choose(LLAMA)
    assert button(page, "Use: Zebra 7B Q8_0").text() == "Use"


def test_folders_are_added_removed_and_looked_through_again(
    page: HerePage, empty_desk: StandInDesk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(page, empty_desk, finds_of(FILES, mine_is_there=False), qtbot)
    assert any(text.startswith("This folder is not there now.") for text in texts(page))
    button(page, "Remove mine: do not look there any more").click()
    assert empty_desk.asked.named("remove_folder") == [(MINE,)]
    assert not [
        b for b in page.findChildren(QAbstractButton) if "Remove LlamaDesk" in b.accessibleName() and b.isVisible()
    ]
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "/chosen")
    page.add_button.click()
    assert empty_desk.asked.named("add_folder") == [(Path("/chosen"),)]
    page.again_button.click()
    assert empty_desk.asked.named("rescan") == [()]
    with qtbot.waitSignal(page.file_asked):
        page.open_button.click()


def test_other_apps_are_a_choice(page: HerePage, empty_desk: StandInDesk) -> None:
    box = page.apps_row.control
    assert isinstance(box, QCheckBox) and box.isChecked()
    box.click()
    assert empty_desk.asked.named("set") == [(OTHER_APPS, False)]
    empty_desk.preferences.set(OTHER_APPS, True)
    assert box.isChecked()


def test_where_there_is_nothing(page: HerePage, empty_desk: StandInDesk, qtbot: QtBot) -> None:
    show(page, empty_desk, finds_of({}), qtbot)
    assert any(text.startswith("There is no model on this computer yet") for text in texts(page))
    with qtbot.waitSignal(page.page_asked) as asked:
        page.download_button.click()
    assert asked.args == ["for_you"]
    show(page, empty_desk, finds_of(FILES), qtbot)
    assert not page.download_button.isVisible()


def test_what_is_being_written_is_no_trouble(page: HerePage, empty_desk: StandInDesk, qtbot: QtBot) -> None:
    show(page, empty_desk, finds_of({}, msgspec.structs.replace(BROKEN, is_arriving=True)), qtbot)
    assert PROBLEM.text not in texts(page)
    assert any("still writing it" in text for text in texts(page))


def test_an_opened_file_can_be_taken_off_the_list(page: HerePage, empty_desk: StandInDesk, qtbot: QtBot) -> None:
    opened = at(Path("/Downloads/opened.gguf"), "Opened")
    place = Place(Where.ELSEWHERE, opened.path.parent, parts=(opened.path,), is_listed=True)
    show(page, empty_desk, finds_of({opened: place} | FILES), qtbot)
    assert str(opened.path) in texts(page)
    button(page, "Remove from list: Opened Q4_0").click()
    assert empty_desk.asked.named("forget_file") == [(opened.path,)]


def thousands() -> Finds:
    files = [at(OWN / f"{number}" / f"m-{number}.gguf", f"Model {number:04}") for number in range(2000)]
    return finds_of({file: Place(Where.OWN, OWN, is_own=True, parts=(file.path,)) for file in files})


def test_thousands_of_files_make_few_widgets_and_all_can_be_found(
    page: HerePage, empty_desk: StandInDesk, qtbot: QtBot
) -> None:
    show(page, empty_desk, thousands(), qtbot)
    assert len(page.findChildren(FileRow)) == 12
    button(page, "Show 50 more of 1,988").click()
    grown(page, qtbot)
    assert len(page.findChildren(FileRow)) == 62
    page.search.setText("model 1999")
    grown(page, qtbot)
    assert [row.accessibleName() for row in page.findChildren(FileRow) if row.isVisible()] == [
        "Model 1999, Q4_0  ·  3.8 GB"
    ]
    page.search.setText("no such thing")
    assert "No model has these words in its name." in texts(page)


def test_rows_are_made_a_few_at_a_time_and_stay_while_they_are_the_same(
    page: HerePage, empty_desk: StandInDesk, qtbot: QtBot
) -> None:
    empty_desk.models.set_finds(thousands())
    assert page.findChildren(FileRow) == []  # the window goes on first
    page._grow()
    assert len(page.findChildren(FileRow)) == 3
    grown(page, qtbot)
    rows = sorted(page.findChildren(FileRow), key=lambda row: row.y())
    new = at(OWN / "0" / "a-new-one.gguf", "A New One")
    before = empty_desk.models.finds
    assert before is not None
    place = Place(Where.OWN, OWN, is_own=True, parts=(new.path,))
    families = (ModelFamily("A New One", (new,)), *before.families)
    after = msgspec.structs.replace(before, families=families, places={**before.places, new.path: place})
    show(page, empty_desk, after, qtbot)
    shown = sorted((row for row in page.findChildren(FileRow) if row.isVisible()), key=lambda row: row.y())
    assert shown[0].accessibleName().startswith("A New One")
    assert shown[1:] == rows[:11]


def test_names_are_shown_as_they_are(page: HerePage, empty_desk: StandInDesk, qtbot: QtBot) -> None:
    odd = at(OWN / "<b>x</b>.gguf", "<img src='x'>")
    broken = Unusable(OWN / "<b>y</b>.gguf", PROBLEM, Where.OWN, OWN)
    show(page, empty_desk, finds_of({odd: Place(Where.OWN, OWN, parts=(odd.path,))}, broken), qtbot)
    for row in (*page.findChildren(FileRow), *page.findChildren(UnusableRow)):
        assert "<b>" not in row.toolTip()
    assert all(label.textFormat() is Qt.TextFormat.PlainText for label in page.findChildren(QLabel) if label.text())


def test_folders_and_files_can_be_dropped(page: HerePage, empty_desk: StandInDesk, tmp_path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path))])
    keys, buttons = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    page.dropEvent(QDropEvent(QPoint(5, 5), Qt.DropAction.CopyAction, data, buttons, keys))
    assert empty_desk.asked.named("take") == [([tmp_path],)]


def test_every_control_has_a_name(page: HerePage, empty_desk: StandInDesk, qtbot: QtBot) -> None:
    show(page, empty_desk, finds_of(FILES, BROKEN), qtbot)
    for control in page.findChildren(QAbstractButton):
        assert control.accessibleName() or control.text() or control.parent() is page.search, control


@pytest.mark.parametrize(("zoom", "width"), [(100, 290), (200, 420)])
def test_it_fits_into_a_narrow_window(zoom: int, width: int, empty_desk: StandInDesk, qtbot: QtBot) -> None:
    theme = ThemeManager()
    theme.set_zoom(zoom)
    page = HerePage(empty_desk, theme)  # type: ignore[arg-type]
    qtbot.addWidget(page)
    page.resize(width, 700)
    page.show()
    opened = at(Path("/Downloads/opened.gguf"), "Opened " * 30)
    place = Place(Where.ELSEWHERE, opened.path.parent, parts=(opened.path,), is_listed=True)
    show(page, empty_desk, finds_of({opened: place} | FILES, BROKEN), qtbot)
    QTest.qWait(50)
    for child in page.findChildren(QAbstractButton):
        if child.isVisible():
            right = child.mapTo(page, QPoint(child.width(), 0)).x()
            assert right <= page.width(), child.accessibleName()
            assert child.height() >= child.minimumSizeHint().height(), child.accessibleName()


def test_the_pane_offers_thousands_of_models(
    make_window: Callable[[StandInDesk], MainWindow], desk: StandInDesk
) -> None:
    window = make_window(desk)
    desk.preferences.set(PANE_SHOWN, True)
    assert window.pane is not None
    combo = window.pane.chooser.model_combo
    finds = thousands()
    desk.models.set_finds(finds)
    desk.models.choose(finds.families[1234].files[0])
    assert combo.count() == 2000
    assert combo.currentText() == "Model 1234"
    assert combo.data_at(1999) == "Model 1999"
    combo.setCurrentIndex(7)
    assert desk.asked.named("choose_family")[-1] == ("Model 0007",)
    desk.models.set_finds(finds_of({}))
    assert combo.count() == 1  # the chosen one is shown, whether or not it is there any more


def test_where_only_other_apps_have_models_an_empty_chat_leads_to_them(
    make_window: Callable[[StandInDesk], MainWindow], empty_desk: StandInDesk, qtbot: QtBot
) -> None:
    window = make_window(empty_desk)
    empty_desk.models.set_finds(finds_of({ZEBRA: FILES[ZEBRA]}))
    empty_desk.models.looked()
    asked: list[str] = []
    window.chat.empty.library_asked.connect(asked.append)

    def way() -> list[QAbstractButton]:
        words = "Look at what is on this computer"
        return [
            b for b in window.chat.empty.findChildren(QAbstractButton) if b.text().startswith(words) and b.isVisible()
        ]

    qtbot.waitUntil(lambda: bool(way()), timeout=20_000)
    way()[0].click()
    assert asked == ["here"]
