"""The page of a model on a real desk: a smaller file is made, appears in the table, and is used."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QComboBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from tiny_models import TinyModel, write_tiny_llama

from llamadesk.ui.library.family_page import FamilyPage
from llamadesk.ui.library.family_rows import RowAct
from llamadesk.ui.library.family_table import FamilyTable
from llamadesk.ui.library.quantize_dialog import QuantizeDialog
from llamadesk.ui.theme import ThemeManager
from tests.control.desk_driver import DeskDriver

pytestmark = pytest.mark.qt_log_ignore(r"raise\(\)|propagateSizeHints")  # the offscreen platform cannot


def button(parent: QWidget, name: str) -> QPushButton:
    (found,) = (each for each in parent.findChildren(QPushButton) if name in (each.accessibleName(), each.text()))
    return found


def acts(page: FamilyPage) -> dict[str, RowAct]:
    (table,) = page.findChildren(FamilyTable)
    return {row.name: row.act for row in table.rows}


@pytest.fixture
def source(driver: DeskDriver) -> Path:
    driver.folders.models.mkdir(parents=True)
    return write_tiny_llama(driver.folders.models / "homemade-f16.gguf", TinyModel(n_embd=64, n_ctx_train=2048))


def test_made_here_and_used(driver: DeskDriver, source: Path, qtbot: QtBot) -> None:
    desk = driver.open(driver.fake({}), source)
    chosen = desk.models.chosen
    assert chosen is not None
    page = FamilyPage(desk, ThemeManager())
    qtbot.addWidget(page)
    page.show()
    page.show_family(chosen.family)
    driver.until(lambda: acts(page) == {"F16": RowAct.IN_USE})

    button(page, f"Make smaller: {source.name}").click()
    (dialog,) = page.findChildren(QuantizeDialog)
    (combo,) = dialog.findChildren(QComboBox)
    combo.setCurrentIndex(combo.findData("Q4_0"))
    driver.until(button(dialog, "Make it").isEnabled)
    button(dialog, "Make it").click()
    driver.until(lambda: acts(page) == {"Q4_0": RowAct.USE, "F16": RowAct.IN_USE})
    assert page.findChildren(QuantizeDialog) == []

    button(page, "Use: Q4_0").click()
    driver.until(lambda: acts(page) == {"Q4_0": RowAct.IN_USE, "F16": RowAct.USE})
    now = desk.models.chosen
    assert now is not None and now.facts.quantization == "Q4_0"


def test_another_context_length_is_reckoned_and_used(driver: DeskDriver, source: Path, qtbot: QtBot) -> None:
    desk = driver.open(driver.fake({}), source)
    chosen = desk.models.chosen
    assert chosen is not None
    page = FamilyPage(desk, ThemeManager())
    qtbot.addWidget(page)
    page.show()
    page.show_family(chosen.family)
    driver.until(lambda: acts(page) == {"F16": RowAct.IN_USE})
    combo = next(each for each in page.findChildren(QComboBox) if each.accessibleName() == "Context length")
    before = combo.currentData()
    other = combo.itemData(0)
    assert other != before
    combo.setCurrentIndex(0)
    driver.until(lambda: acts(page) == {"F16": RowAct.USE})
    button(page, "Use: F16").click()
    driver.until(lambda: acts(page) == {"F16": RowAct.IN_USE})
    assert desk.library.context_length(chosen) == other
