"""The page of a model: what it shows of each quantization, and what its buttons ask for."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from family_desk import LLAMA, UNKNOWN, FamilyDesk, llama_file
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from stand_in import GB, model_file

from llamadesk.core.downloads import DownloadStage
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.models import ModelFile
from llamadesk.core.places import Finds, Place, Where
from llamadesk.core.quality import Quality
from llamadesk.core.settings import CONTEXT_LENGTH
from llamadesk.ui.library.family_page import FamilyPage
from llamadesk.ui.library.family_rows import FamilyRow, RowAct
from llamadesk.ui.library.family_table import FamilyTable
from llamadesk.ui.library.quantize_dialog import QuantizeDialog
from llamadesk.ui.theme import ThemeManager

pytestmark = pytest.mark.qt_log_ignore(r"raise\(\)|propagateSizeHints")  # the offscreen platform cannot


@pytest.fixture
def desk() -> FamilyDesk:
    return FamilyDesk()


@pytest.fixture
def page(desk: FamilyDesk, qtbot: QtBot) -> FamilyPage:
    page = FamilyPage(desk, ThemeManager())  # type: ignore[arg-type]
    qtbot.addWidget(page)
    page.resize(900, 800)
    page.show()
    return page


def rows(page: FamilyPage) -> dict[str, FamilyRow]:
    table = page.findChild(FamilyTable)
    assert isinstance(table, FamilyTable)
    return {row.name: row for row in table.rows}


def button(page: QWidget, name: str) -> QPushButton:
    """A button that can be seen, by its accessible name or its words."""
    QApplication.processEvents()  # what was added to a layout is shown only then
    (found,) = (
        each for each in page.findChildren(QPushButton) if name in (each.accessibleName(), each.text()) and seen(each)
    )
    return found


def words(page: FamilyPage) -> str:
    QApplication.processEvents()
    return "\n".join(each.text() for each in page.findChildren(QLabel) if seen(each))


def seen(widget: QWidget) -> bool:
    return widget.isVisible()


def dialog(page: FamilyPage) -> QuantizeDialog:
    found = page.findChild(QuantizeDialog)
    assert isinstance(found, QuantizeDialog)
    return found


# --- What is shown ---


def test_until_the_catalogue_has_looked_it_says_so(page: FamilyPage, desk: FamilyDesk) -> None:
    page.show_family(LLAMA)
    assert desk.asked.named("show") == [(LLAMA,)]
    assert words(page) == "Looking at this model…"
    desk.look_at("tinyllama-1.1b-chat-v1.0")  # of another page
    assert words(page) == "Looking at this model…"


def test_a_model_of_which_nothing_is_here(page: FamilyPage, desk: FamilyDesk) -> None:
    page.show_family(LLAMA)
    view = desk.look_at(LLAMA)
    shown = rows(page)
    assert list(shown) == [choice.quantization for choice in view.choices.choices]
    assert {row.act for row in shown.values()} == {RowAct.DOWNLOAD}
    assert {row.place for row in shown.values()} == {"Can be downloaded"}
    q4 = shown["Q4_0"]
    assert (q4.size, q4.quality, q4.fit) == ("3.8 GB", "Good; a little is lost", "Comfortable")
    assert q4.pace.startswith("About ") and q4.pace.endswith(" words a second (estimated)")
    assert q4.fit_tip.endswith("at a context length of 4,096 tokens.")
    told = words(page)
    assert view.choices.recommended is not None
    assert f"Recommended: {view.choices.recommended.quantization}. {view.choices.reason}" in told
    assert [row.name for row in shown.values() if row.is_recommended] == [view.choices.recommended.quantization]
    for text in (
        "Llama 2 Chat 7B",
        "Meta  ·  6.7 billion parameters",
        "Everyday questions",
        "Made for English and tested",
        "English",
        "Llama 2 Community License",
        "4,096 tokens, about 6 pages",
        "TruthfulQA",
        "57.04  ·  Llama 2 model card, Meta",
    ):
        assert text in told
    button(page, f"Download: {view.choices.recommended.quantization}").click()
    assert desk.asked.named("download") == [(LLAMA, view.choices.recommended.quantization)]


def test_what_does_not_fit_is_told(page: FamilyPage, desk: FamilyDesk) -> None:
    page.show_family("llama-2-70b-chat")
    view = desk.look_at("llama-2-70b-chat")
    assert {row.fit for row in rows(page).values()} == {"Too big"}
    assert view.choices.recommended is None
    assert "Even the smallest needs about" in words(page)
    assert "Recommended" not in words(page)


def test_what_is_here_can_be_used(page: FamilyPage, desk: FamilyDesk) -> None:
    small, large = llama_file("Q4_0", 3_800_000_000), llama_file("Q8_0", 7_200_000_000)
    page.show_family(LLAMA)
    desk.look_at(LLAMA, small, large)
    assert (rows(page)["Q4_0"].act, rows(page)["Q4_0"].place) == (RowAct.USE, "On this computer")
    button(page, "Use: Q4_0").click()
    assert desk.asked.named("use") == [(LLAMA, "Q4_0")]
    assert not [each for each in page.findChildren(QPushButton) if each.text() == "Go to the chat" and seen(each)]
    desk.models.choose(small)
    assert not button(page, "In use: Q4_0").isEnabled()
    assert button(page, "Use: Q8_0").isEnabled()
    asked: list[bool] = []
    page.chat_asked.connect(lambda: asked.append(True))
    button(page, "Go to the chat").click()
    assert asked


def test_the_app_whose_file_it_is_is_named(page: FamilyPage, desk: FamilyDesk) -> None:
    file = llama_file("Q4_0", 3_800_000_000)
    page.show_family(LLAMA)
    desk.models.set_finds(Finds(places={file.path: Place(Where.APP, file.path.parent, app="LM Studio")}))
    desk.look_at(LLAMA, file)
    assert rows(page)["Q4_0"].place == "On this computer (LM Studio)"


def test_what_was_measured_is_said_to_be(page: FamilyPage, desk: FamilyDesk) -> None:
    page.show_family(LLAMA)
    view = desk.look_at(LLAMA, llama_file("Q4_0", 3_800_000_000))
    measured = tuple(
        msgspec.structs.replace(choice, tokens_per_second=12.0, is_measured=True) if choice.path else choice
        for choice in view.choices.choices
    )
    choices = msgspec.structs.replace(view.choices, choices=measured)
    desk.catalogue.state.show_family(msgspec.structs.replace(view, choices=choices))
    assert rows(page)["Q4_0"].pace == "About 9 words a second (measured here)"


def test_a_file_that_no_catalogue_knows(page: FamilyPage, desk: FamilyDesk) -> None:
    file = model_file(UNKNOWN, "Q5_K_M", 5_700_000_000)
    page.show_family(UNKNOWN)
    desk.look_at(UNKNOWN, file)
    assert list(rows(page)) == ["Q5_K_M"]
    told = words(page)
    assert "The catalogue does not know this model" in told
    assert "8 billion" in told and "131,072 tokens" in told
    assert "Licence" not in told and "Published results" not in told


def test_a_model_that_is_not_here_any_more(page: FamilyPage, desk: FamilyDesk) -> None:
    page.show_family(UNKNOWN)
    desk.look_at(UNKNOWN, model_file(UNKNOWN, "Q5_K_M", 5_700_000_000))
    desk.look_at(UNKNOWN)
    assert rows(page) == {}
    assert "No file of this model is known." in words(page)
    assert "On this computer" not in words(page)


def test_twenty_quantizations_in_a_narrow_window(page: FamilyPage, desk: FamilyDesk, qtbot: QtBot) -> None:
    names = [f"IQ{bits}_{size}" for bits in (1, 2, 3, 4) for size in ("XXS", "XS", "S", "M", "L")]
    files = [model_file(UNKNOWN, name, GB * (10 + number) // 10) for number, name in enumerate(names)]
    page.resize(328, 700)  # of a window 380 wide
    page.show_family(UNKNOWN)
    desk.look_at(UNKNOWN, *files)
    assert len(rows(page)) == 20
    column = page.findChild(QWidget, "column")
    assert isinstance(column, QWidget)
    qtbot.waitUntil(lambda: column.width() <= 328)
    assert column.minimumSizeHint().width() <= column.width()
    for each in page.findChildren(QPushButton):
        if seen(each):
            qtbot.waitUntil(lambda each=each: each.mapTo(page, each.rect().topRight()).x() < 328)


def test_texts_from_outside_are_shown_as_they_are(page: FamilyPage, desk: FamilyDesk) -> None:
    markup = "<img src='file:///dev/zero'>"
    file = msgspec.structs.replace(model_file(markup, "Q4_0", GB), path=Path(f"/models/{markup}.gguf"))
    page.show_family(markup)
    desk.look_at(markup, file)
    shown = [each for each in page.findChildren(QLabel) if "<img" in each.text()]
    assert shown
    assert all(each.textFormat() is each.textFormat().PlainText for each in shown)


# --- What is under way ---


@pytest.mark.parametrize(
    ("stage", "words_of_button", "asked"),
    [
        (DownloadStage.DOWNLOADING, "Pause", "pause"),
        (DownloadStage.WAITING, "Pause", "pause"),
        (DownloadStage.PAUSED, "Continue", "resume"),
        (DownloadStage.FAILED, "Try again", "retry"),
    ],
)
def test_a_download_is_told_in_its_row(
    page: FamilyPage, desk: FamilyDesk, stage: DownloadStage, words_of_button: str, asked: str
) -> None:
    page.show_family(LLAMA)
    view = desk.look_at(LLAMA)
    desk.download(view, "Q4_0", stage, done=view.choices.choices[0].size_bytes // 2)
    row = rows(page)["Q4_0"]
    assert row.fraction is not None and 0.3 < row.fraction < 0.5
    assert rows(page)["Q8_0"].fraction is None
    button(page, f"{words_of_button}: Q4_0").click()
    assert desk.asked.named(asked) == [(7,)]


def test_where_another_file_is_in_the_way_the_person_decides_among_the_downloads(
    page: FamilyPage, desk: FamilyDesk
) -> None:
    page.show_family(LLAMA)
    problem = Problem(ProblemCode.DOWNLOAD_NAME_TAKEN, "There is another file of that name.")
    desk.download(desk.look_at(LLAMA), "Q4_0", DownloadStage.FAILED, problem=problem)
    assert "There is another file of that name." in rows(page)["Q4_0"].progress
    asked: list[bool] = []
    page.downloads_asked.connect(lambda: asked.append(True))
    button(page, "Look at it: Q4_0").click()
    assert asked


def test_a_download_that_is_done_leaves_the_row_to_what_is_here(page: FamilyPage, desk: FamilyDesk) -> None:
    page.show_family(LLAMA)
    view = desk.look_at(LLAMA)
    desk.download(view, "Q4_0", DownloadStage.DONE)
    assert rows(page)["Q4_0"].act is RowAct.DOWNLOAD  # its file was deleted, as far as is known
    desk.look_at(LLAMA, llama_file("Q4_0", 3_800_000_000))
    assert rows(page)["Q4_0"].act is RowAct.USE


def test_while_the_hub_is_asked_the_row_waits(page: FamilyPage, desk: FamilyDesk) -> None:
    page.show_family(LLAMA)
    desk.look_at(LLAMA)
    desk.catalogue.state.set_resolving(frozenset({(LLAMA, "Q4_0")}))
    assert not button(page, "Please wait: Q4_0").isEnabled()
    desk.catalogue.state.set_resolving(frozenset())
    assert button(page, "Download: Q4_0").isEnabled()


def test_what_is_being_made_is_told_in_its_row(page: FamilyPage, desk: FamilyDesk) -> None:
    original = llama_file()
    page.show_family(LLAMA)
    desk.look_at(LLAMA, original)
    assert rows(page)["Q4_0"].place == "Can be made here"
    desk.make(original, "Q4_0", fraction=0.25, seconds_left=130.0)
    assert rows(page)["Q4_0"].progress == "Being made: 25%, 2 minutes left"
    button(page, "Cancel: Q4_0").click()
    assert desk.asked.named("cancel") == [()]
    desk.make(original, "Q4_0", fraction=0.25, is_ending=True)
    assert not button(page, "Please wait: Q4_0").isEnabled()
    desk.quantizing.state.show(None)
    assert rows(page)["Q4_0"].act is RowAct.MAKE


def test_what_is_made_without_a_row_is_told_below(page: FamilyPage, desk: FamilyDesk) -> None:
    file = model_file(UNKNOWN, "F16", 16 * GB)
    page.show_family(UNKNOWN)
    desk.look_at(UNKNOWN, file)
    desk.make(file, "Q4_K_M", fraction=0.5)
    assert "Q4_K_M: Being made: 50%" in words(page)
    button(page, "Cancel making it").click()
    assert desk.asked.named("cancel") == [()]
    desk.quantizing.state.show(None)
    assert "Being made" not in words(page)


def test_what_is_made_of_another_model_is_not_told(page: FamilyPage, desk: FamilyDesk) -> None:
    page.show_family(LLAMA)
    desk.look_at(LLAMA, llama_file())
    desk.make(model_file(UNKNOWN, "F16", 16 * GB), "Q4_0")
    assert "Being made" not in words(page)
    assert rows(page)["Q4_0"].act is RowAct.MAKE


# --- What is asked for ---


def test_making_one_asks_first(page: FamilyPage, desk: FamilyDesk) -> None:
    original = llama_file()
    page.show_family(LLAMA)
    desk.look_at(LLAMA, original)
    button(page, "Make here: Q4_K_S").click()
    assert dialog(page).quantization == "Q4_K_S"
    assert desk.asked.named("ask") == [(original, "Q4_K_S")]
    button(dialog(page), "Download it instead").click()
    assert desk.asked.named("download") == [(LLAMA, "Q4_K_S")]


def test_making_a_smaller_one_of_any_file(page: FamilyPage, desk: FamilyDesk) -> None:
    file = model_file(UNKNOWN, "Q8_0", 8 * GB)
    page.show_family(UNKNOWN)
    desk.look_at(UNKNOWN, file)
    button(page, f"Make smaller: {file.path.name}").click()
    assert dialog(page).quantization == "Q4_K_M"
    assert "Download it instead" not in [each.text() for each in dialog(page).findChildren(QPushButton) if seen(each)]


def test_the_smallest_of_all_can_be_made_no_smaller(page: FamilyPage, desk: FamilyDesk) -> None:
    page.show_family(UNKNOWN)
    desk.look_at(UNKNOWN, model_file(UNKNOWN, "Q2_K", 3 * GB))
    assert "Make smaller…" not in [each.text() for each in page.findChildren(QPushButton)]


def test_another_context_length(page: FamilyPage, desk: FamilyDesk) -> None:
    file = llama_file("Q4_0", 3_800_000_000)
    page.show_family(LLAMA)
    desk.models.choose(file)
    desk.look_at(LLAMA, file)
    combo = next(each for each in page.findChildren(QComboBox) if each.accessibleName() == "Context length")
    assert [combo.itemData(index) for index in range(combo.count())] == [512, 1024, 2048, 4096]
    assert combo.currentData() == 4096
    assert rows(page)["Q4_0"].act is RowAct.IN_USE
    combo.setCurrentIndex(1)
    assert desk.asked.named("set_context") == [(1024,)]
    desk.look_at(LLAMA, file, n_ctx=1024)
    assert combo.currentData() == 1024
    assert rows(page)["Q4_0"].act is RowAct.USE  # with the other length
    assert desk.asked.named("set_context") == [(1024,)]  # what is shown is not asked for again
    desk.preferences.set(CONTEXT_LENGTH, 1024)
    assert rows(page)["Q4_0"].act is RowAct.IN_USE


def test_the_ways_to_other_pages(page: FamilyPage, desk: FamilyDesk) -> None:
    file = llama_file("Q4_0", 3_800_000_000)
    page.show_family(LLAMA)
    desk.look_at(LLAMA, file)
    asked: list[object] = []
    for signal in (page.model_page_asked, page.licence_asked, page.hub_asked):
        signal.connect(asked.append)
    page.back_asked.connect(lambda: asked.append("back"))
    button(page, f"Details: {file.path.name}").click()
    button(page, "Show the licence").click()
    button(page, "Show TheBloke/Llama-2-7B-Chat-GGUF on the hub").click()
    button(page, "Back").click()
    assert asked == [file.path, LLAMA, "TheBloke/Llama-2-7B-Chat-GGUF", "back"]


# --- For everybody ---


def test_a_screen_reader_hears_each_row_as_a_sentence(page: FamilyPage, desk: FamilyDesk) -> None:
    page.show_family(LLAMA)
    desk.look_at(LLAMA, llama_file("Q4_0", 3_800_000_000))
    table = page.findChild(FamilyTable)
    name = QAccessible.queryAccessibleInterface(table).text(QAccessible.Text.Name)
    assert name == "Quantizations"
    row = next(each for each in table.findChildren(QWidget, "family_row") if each.accessibleName().startswith("Q4_0"))
    assert row.accessibleName().startswith("Q4_0, recommended: 3.8 GB; Good; a little is lost; Comfortable; About ")
    assert row.accessibleName().endswith("; On this computer")
    assert QAccessible.queryAccessibleInterface(row).role() is not QAccessible.Role.Client  # those are passed over
    for each in page.findChildren(QPushButton):
        assert QAccessible.queryAccessibleInterface(each).text(QAccessible.Text.Name)


def test_the_focus_stays_on_the_row_whose_button_cannot_be_pressed_any_more(
    page: FamilyPage, desk: FamilyDesk, qtbot: QtBot
) -> None:
    file = llama_file("Q4_0", 3_800_000_000)
    page.show_family(LLAMA)
    desk.look_at(LLAMA, file)
    with qtbot.waitActive(page):
        page.activateWindow()
    use = button(page, "Use: Q4_0")
    use.setFocus()
    desk.models.choose(file)
    assert page.focusWidget() is use.parentWidget()


def test_tab_leads_from_above_to_below(page: FamilyPage, desk: FamilyDesk) -> None:
    page.show_family(LLAMA)
    desk.look_at(LLAMA)
    desk.look_at(LLAMA, llama_file())  # makes the rows anew
    QApplication.processEvents()
    combo = next(each for each in page.findChildren(QComboBox) if each.accessibleName() == "Context length")
    names, step = [], combo.nextInFocusChain()
    while step is not combo:
        if isinstance(step, QPushButton) and seen(step):
            names.append(step.accessibleName() or step.text())
        step = step.nextInFocusChain()
    table = [f"{row.act.value.rstrip('…')}: {row.name}" for row in rows(page).values()]
    assert names[: len(table)] == table
    assert names.index("Show the licence") < names.index("Details: Llama 2 7B Chat.F16.gguf")


def test_rows_stay_while_only_their_words_change(page: FamilyPage, desk: FamilyDesk) -> None:
    page.show_family(LLAMA)
    view = desk.look_at(LLAMA)
    before = page.findChildren(QWidget, "family_row")
    desk.download(view, "Q4_0", DownloadStage.DOWNLOADING)
    desk.look_at(LLAMA, n_ctx=512)
    assert page.findChildren(QWidget, "family_row") == before


def test_it_follows_the_text_size(page: FamilyPage, desk: FamilyDesk) -> None:
    page.show_family(LLAMA)
    desk.look_at(LLAMA)
    head = page.findChild(QWidget, "family_head")
    assert isinstance(head, QWidget) and seen(head)
    page._theme.set_zoom(200)
    assert not seen(head)  # there is no room any more for all columns


def test_quality_has_words_for_all_that_can_be_made(page: FamilyPage, desk: FamilyDesk) -> None:
    page.show_family(LLAMA)
    view = desk.look_at(LLAMA, llama_file())
    assert all(choice.quality is not Quality.UNKNOWN for choice in view.choices.choices)
    assert all(row.quality != "Unknown" for row in rows(page).values())


def test_two_files_of_one_quantization_are_both_listed(page: FamilyPage, desk: FamilyDesk) -> None:
    first = llama_file("Q4_0", 3_800_000_000)
    second: ModelFile = msgspec.structs.replace(first, path=Path("/elsewhere/other.gguf"))
    page.show_family(LLAMA)
    desk.look_at(LLAMA, first, second)
    assert [row.act for row in rows(page).values()].count(RowAct.USE) == 1
    assert button(page, f"Details: {first.path.name}")
    assert button(page, "Details: other.gguf")
