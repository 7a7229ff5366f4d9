"""The dialog that has a smaller file made."""

from __future__ import annotations

import pytest
from family_desk import FamilyDesk, llama_file
from PySide6.QtWidgets import QComboBox, QLabel, QProgressBar, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from stand_in import GB, model_file

from llamadesk.control.notices import NoticeKind
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.quantize import REQUANTIZING
from llamadesk.ui.library.quantize_dialog import QuantizeDialog, how_long_text
from llamadesk.ui.theme import ThemeManager

pytestmark = pytest.mark.qt_log_ignore(r"raise\(\)|propagateSizeHints")  # the offscreen platform cannot

ORIGINAL = llama_file()


@pytest.fixture
def desk() -> FamilyDesk:
    return FamilyDesk()


@pytest.fixture
def parent(qtbot: QtBot) -> QWidget:
    parent = QWidget()
    qtbot.addWidget(parent)
    return parent


@pytest.fixture
def dialog(desk: FamilyDesk, parent: QWidget) -> QuantizeDialog:
    return opened(desk, parent)


def opened(
    desk: FamilyDesk, parent: QWidget, quantization: str = "Q4_0", downloadable: tuple[str, ...] = ()
) -> QuantizeDialog:
    dialog = QuantizeDialog(desk, ThemeManager(), ORIGINAL, quantization, downloadable, parent)  # type: ignore[arg-type]
    dialog.open()
    return dialog


def words(dialog: QuantizeDialog) -> str:
    return "\n".join(each.text() for each in dialog.findChildren(QLabel) if each.isVisible())


def button(dialog: QuantizeDialog, text: str) -> QPushButton:
    (found,) = (each for each in dialog.findChildren(QPushButton) if each.text() == text)
    return found


def test_nothing_is_made_before_it_is_known_what_it_takes(dialog: QuantizeDialog, desk: FamilyDesk) -> None:
    assert desk.asked.named("ask") == [(ORIGINAL, "Q4_0")]
    assert not button(dialog, "Make it").isEnabled()
    assert "Looking at the file and the disk…" in words(dialog)
    desk.offer(ORIGINAL, "Q4_0")
    told = words(dialog)
    for text in ("F16  ·  13.5 GB", "About 4.0 GB", "90.0 GB on that disk", "made.gguf", "Mostly a few minutes"):
        assert text in told
    button(dialog, "Make it").click()
    assert desk.asked.named("start") == [(ORIGINAL, "Q4_0")]


def test_an_offer_for_something_else_is_not_taken(dialog: QuantizeDialog, desk: FamilyDesk) -> None:
    desk.offer(ORIGINAL, "Q8_0")
    desk.offer(model_file("Other", "F16", GB), "Q4_0")
    assert not button(dialog, "Make it").isEnabled()


def test_another_quantization_is_asked_for_anew(dialog: QuantizeDialog, desk: FamilyDesk) -> None:
    desk.offer(ORIGINAL, "Q4_0")
    (combo,) = dialog.findChildren(QComboBox)
    assert combo.currentText() == "Q4_0  ·  good; a little is lost"
    combo.setCurrentIndex(combo.findData("Q8_0"))
    assert desk.asked.named("ask")[-1] == (ORIGINAL, "Q8_0")
    assert not button(dialog, "Make it").isEnabled()


def test_what_hinders_it(dialog: QuantizeDialog, desk: FamilyDesk) -> None:
    problem = Problem(ProblemCode.DISK_FULL, "There is too little space on the disk.", "Delete something there.")
    desk.offer(ORIGINAL, "Q4_0", problem=problem)
    assert problem.text in words(dialog)
    assert not button(dialog, "Make it").isEnabled()


def test_what_speaks_against_it(dialog: QuantizeDialog, desk: FamilyDesk) -> None:
    desk.offer(ORIGINAL, "Q4_0", warning=REQUANTIZING)
    assert REQUANTIZING in words(dialog)
    assert button(dialog, "Make it").isEnabled()


def test_progress_cancel_and_end(dialog: QuantizeDialog, desk: FamilyDesk, qtbot: QtBot) -> None:
    desk.offer(ORIGINAL, "Q4_0")
    button(dialog, "Make it").click()
    desk.make(ORIGINAL, "Q4_0", fraction=0.4, seconds_left=200.0)
    (bar,) = dialog.findChildren(QProgressBar)
    assert bar.isVisible() and bar.value() == 400
    assert "Being made: 40%, 3 minutes left. You can close this window" in words(dialog)
    assert not button(dialog, "Make it").isVisible()
    button(dialog, "Cancel making it").click()
    assert desk.asked.named("cancel") == [()]
    desk.make(ORIGINAL, "Q4_0", fraction=0.4, is_ending=True)
    assert not button(dialog, "Cancel making it").isEnabled()
    with qtbot.waitSignal(dialog.finished):
        desk.quantizing.state.show(None)


def test_opened_while_it_is_made_it_shows_that(desk: FamilyDesk, parent: QWidget) -> None:
    desk.make(ORIGINAL, "Q5_K_M", fraction=0.1)
    dialog = opened(desk, parent)
    assert dialog.quantization == "Q5_K_M"
    assert not button(dialog, "Make it").isVisible()


def test_when_another_one_is_done_it_looks_again(dialog: QuantizeDialog, desk: FamilyDesk) -> None:
    desk.make(model_file("Other", "F16", GB), "Q4_0")
    desk.offer(ORIGINAL, "Q4_0", problem=Problem(ProblemCode.QUANTIZE_FAILED, "Another model is being made."))
    assert not button(dialog, "Make it").isEnabled()
    desk.quantizing.state.show(None)
    assert desk.asked.named("ask") == [(ORIGINAL, "Q4_0")] * 2
    desk.offer(ORIGINAL, "Q4_0")
    assert button(dialog, "Make it").isEnabled()


def test_where_nothing_was_started_it_says_why(dialog: QuantizeDialog, desk: FamilyDesk) -> None:
    desk.offer(ORIGINAL, "Q4_0")
    desk.notices.attach()
    desk.notices.post(NoticeKind.INFO, "Something else.")
    assert desk.asked.named("ask") == [(ORIGINAL, "Q4_0")]
    button(dialog, "Make it").click()
    desk.notices.post(NoticeKind.ERROR, "The disk is full.")
    assert desk.asked.named("ask") == [(ORIGINAL, "Q4_0")] * 2


def test_what_can_be_downloaded_as_well(desk: FamilyDesk, parent: QWidget) -> None:
    dialog = opened(desk, parent, downloadable=("Q4_0",))
    asked: list[str] = []
    dialog.download_asked.connect(asked.append)
    (combo,) = dialog.findChildren(QComboBox)
    combo.setCurrentIndex(combo.findData("Q8_0"))
    assert not button(dialog, "Download it instead").isVisible()
    combo.setCurrentIndex(combo.findData("Q4_0"))
    button(dialog, "Download it instead").click()
    assert asked == ["Q4_0"]


@pytest.mark.parametrize(
    ("n_params", "words_of_it"),
    [
        (135_000_000, "Mostly less than a minute"),
        (8_000_000_000, "Mostly a few minutes"),
        (70_000_000_000, "Mostly a quarter of an hour or longer"),
    ],
)
def test_how_long_it_takes(n_params: int, words_of_it: str) -> None:
    assert how_long_text(n_params) == words_of_it
