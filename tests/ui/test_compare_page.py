"""All models side by side: every column sorts, a text finds, the keyboard is enough."""

from __future__ import annotations

import msgspec
import pytest
from library_stand_in import GB, look_around, shipped
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QPushButton
from pytestqt.qtbot import QtBot
from stand_in import StandInDesk

from llamadesk.core.catalogue import Catalogue
from llamadesk.core.fit import Verdict
from llamadesk.ui.library.compare_page import ComparePage
from llamadesk.ui.library.compare_table import FITS_COLUMN, SORT_ROLE
from llamadesk.ui.theme import ThemeManager

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")  # the offscreen platform cannot


@pytest.fixture
def desk() -> StandInDesk:
    return StandInDesk()


@pytest.fixture
def page(qtbot: QtBot, desk: StandInDesk, theme: ThemeManager) -> ComparePage:
    look_around(desk)
    result = ComparePage(desk, theme)  # type: ignore[arg-type]
    qtbot.addWidget(result)
    result.resize(1200, 700)
    with qtbot.waitActive(result):
        result.show()
        result.activateWindow()
    return result


def column(page: ComparePage, number: int, role: int = Qt.ItemDataRole.DisplayRole) -> list[object]:
    model = page.table.model()
    return [model.index(row, number).data(role) for row in range(model.rowCount())]


def headings(page: ComparePage) -> list[str]:
    model = page.table.model()
    return [model.headerData(section, Qt.Orientation.Horizontal) for section in range(model.columnCount())]


def test_every_model_and_every_published_score_is_there(page: ComparePage) -> None:
    assert column(page, 0) == [model.name for model in shipped().models]  # in the catalogue's order
    benchmarks = {score.benchmark for model in shipped().models for score in model.scores}
    assert benchmarks < set(headings(page))
    score = next(model for model in shipped().models if model.scores).scores[0]
    cells = page.table.model()
    at = headings(page).index(score.benchmark)
    tips = [cells.index(row, at).data(Qt.ItemDataRole.ToolTipRole) for row in range(cells.rowCount())]
    assert score.source in tips
    assert set(column(page, FITS_COLUMN)) <= {verdict.value for verdict in Verdict}


def test_every_column_sorts_both_ways_and_what_is_not_known_comes_last(page: ComparePage) -> None:
    for number, _ in enumerate(headings(page)):
        for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
            page.table.sortByColumn(number, order)
            keys = column(page, number, SORT_ROLE)
            known = [key for key in keys if key is not None]
            assert keys == known + [None] * (len(keys) - len(known))
            assert known == sorted(known, reverse=order is Qt.SortOrder.DescendingOrder)


def test_the_order_is_chosen_without_a_mouse(page: ComparePage) -> None:
    page.sort_combo.setFocus()
    QTest.keyClicks(page.sort_combo, "Param")
    number = headings(page).index("Parameters")
    header = page.table.horizontalHeader()
    assert header.sortIndicatorSection() == number
    turn = next(b for b in page.findChildren(QPushButton) if b.accessibleName() == "Turn the order round")
    turn.click()
    assert header.sortIndicatorOrder() is Qt.SortOrder.DescendingOrder
    sizes = column(page, number, SORT_ROLE)
    assert sizes == sorted(sizes, reverse=True)
    page.sort_combo.setCurrentIndex(0)
    assert column(page, 0) == [model.name for model in shipped().models]
    assert not turn.isEnabled()


@pytest.mark.parametrize("text", ["llama 2", "META", "german", "apache qwen"])
def test_a_text_finds_by_name_maker_language_and_licence(page: ComparePage, text: str) -> None:
    n_all = page.table.model().rowCount()
    page.search.setText(text)
    assert 0 < page.table.model().rowCount() < n_all
    page.search.clear()
    assert page.table.model().rowCount() == n_all


def test_nothing_found_is_said(page: ComparePage) -> None:
    page.search.setText("no such model")
    assert page.table.model().rowCount() == 0
    assert "Clear the field" in page._count.text()


def test_only_what_fits(page: ComparePage, desk: StandInDesk) -> None:
    assert Verdict.TOO_BIG.value in column(page, FITS_COLUMN)  # a model of 70 billion, in 16 GB
    page.findChild(QCheckBox).click()
    assert Verdict.TOO_BIG.value not in column(page, FITS_COLUMN)
    assert page.table.model().rowCount() > 0


def test_enter_leads_to_the_page_of_the_model(page: ComparePage, qtbot: QtBot) -> None:
    about = next(b for b in page.findChildren(QPushButton) if b.text() == "About this model…")
    assert not about.isEnabled()
    page.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Home, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(page.table, Qt.Key.Key_Down)
    by_id = {model.name: model.id for model in shipped().models}
    wanted = by_id[str(column(page, 0)[page.table.currentIndex().row()])]
    with qtbot.waitSignal(page.family_asked) as asked:
        QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert asked.args == [wanted]
    with qtbot.waitSignal(page.family_asked) as asked:
        about.click()
    assert asked.args == [wanted]


def test_tab_leads_out_of_the_table(page: ComparePage) -> None:
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Down)
    QTest.keyClick(page.table, Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is not page.table


def test_other_figures_keep_the_selection_and_the_order(page: ComparePage, desk: StandInDesk) -> None:
    page.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    page.table.selectRow(3)
    name = page.table.currentIndex().siblingAtColumn(0).data()
    fitted = column(page, FITS_COLUMN)
    look_around(desk, memory=4 * GB)
    assert column(page, FITS_COLUMN) != fitted
    assert page.table.currentIndex().siblingAtColumn(0).data() == name
    names = column(page, 0, SORT_ROLE)
    assert names == sorted(names, reverse=True)  # type: ignore[type-var]


def test_a_list_of_somebody_s_own_is_no_markup(page: ComparePage, desk: StandInDesk) -> None:
    tip = '<img src="file:///x">'
    model = msgspec.structs.replace(shipped().models[0], id="own", name="Own", good_for=tip)
    look_around(desk, catalogue=Catalogue((model,), shipped().licences))
    assert column(page, 0) == ["Own"]
    assert "<img" not in page.table.model().index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
