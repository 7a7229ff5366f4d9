"""The row below "Find the fastest way to compute"."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton
from pytestqt.qtbot import QtBot
from stand_in import StandInDesk

from llamadesk.core.settings import TUNING
from llamadesk.ui.settings_pane import SettingsPane
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.tuning_row import TuningRow


@pytest.fixture
def row(desk: StandInDesk, qtbot: QtBot) -> TuningRow:
    row = TuningRow(desk, ThemeManager())  # type: ignore[arg-type]
    qtbot.addWidget(row)
    return row


def words(row: TuningRow) -> str:
    (label,) = row.findChildren(QLabel)
    return label.text()


def button(row: TuningRow, text: str) -> QPushButton:
    (found,) = (each for each in row.findChildren(QPushButton) if each.text() == text)
    return found


def test_before_and_while_it_is_measured(row: TuningRow, desk: StandInDesk) -> None:
    assert words(row).startswith("Not measured yet")
    button(row, "Measure now").click()
    assert desk.asked.named("measure_again") == [()]
    desk.tuning.state.show(running=True, fraction=0.4, words="", has_choice=False)
    assert words(row).startswith("Measuring")
    (progress,) = row.findChildren(QProgressBar)
    assert not progress.isHidden()
    assert progress.value() == 40
    assert not button(row, "Use the defaults").isEnabled()
    button(row, "Stop measuring").click()
    assert desk.asked.named("stop_tuning") == [()]


def test_what_was_found(row: TuningRow, desk: StandInDesk) -> None:
    desk.tuning.state.show(running=False, fraction=0.0, words="Fastest here: 2 threads.", has_choice=True)
    assert words(row) == "Fastest here: 2 threads."
    assert row.findChildren(QProgressBar)[0].isHidden()
    button(row, "Use the defaults").click()
    assert desk.asked.named("use_defaults") == [()]
    assert button(row, "Measure again").isEnabled()


def test_without_a_model_nothing_can_be_measured(row: TuningRow, desk: StandInDesk) -> None:
    desk.engine.set_model(None)
    assert words(row) == "Choose a model first."
    assert not button(row, "Measure now").isEnabled()


def test_it_stands_below_its_setting(desk: StandInDesk, qtbot: QtBot) -> None:
    pane = SettingsPane(desk, ThemeManager())  # type: ignore[arg-type]
    qtbot.addWidget(pane)
    (row,) = pane.findChildren(TuningRow)
    assert row.parentWidget() is pane.rows[TUNING].parentWidget()
