"""All models of the catalogue side by side, to sort and to search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSignalBlocker, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFontMetrics, QPalette
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from llamadesk.core.fit import Verdict
from llamadesk.ui.fields import Check, Combo
from llamadesk.ui.library.compare_table import (
    FITS_COLUMN,
    VERDICT_ROLE,
    ComparisonFilter,
    ComparisonTableModel,
    rows_of,
)
from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.library.row_table import row_table
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import IconButton, label

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_TITLE: Final = "All models"
_TEXT: Final = "Scores are the makers' own, and not measured alike: point at one to see where it is from."
_NOTHING: Final = "No model is like that. Clear the field to see all."
_UNSORTED: Final = "As listed"
_WIDEST_COLUMN: Final = 240
_CELL_MARGINS: Final = 28
_SORT_MARK: Final = 14
_FOLDED_BELOW: Final = 560
_COLOURS: Final = {Verdict.COMFORTABLE: "success", Verdict.TIGHT: "warning", Verdict.TOO_BIG: "error"}


class _VerdictDelegate(QStyledItemDelegate):
    """Says how a model fits in a colour as well as in words."""

    def __init__(self, theme: ThemeManager, parent: QTableView) -> None:
        super().__init__(parent)
        self._theme = theme

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """See QStyledItemDelegate."""
        super().initStyleOption(option, index)
        verdict = index.data(VERDICT_ROLE)
        if verdict:
            palette = QPalette(option.palette)
            colour = QColor(getattr(self._theme.colours, _COLOURS[Verdict(verdict)]))
            for role in (QPalette.ColorRole.Text, QPalette.ColorRole.HighlightedText):
                palette.setColor(role, colour)
            option.palette = palette


class ComparePage(QWidget):
    """Follows the catalogue. Enter or a double click on a model leads to its page."""

    family_asked = Signal(str)

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self.setObjectName("compare")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._model = ComparisonTableModel(self)
        self._filter = ComparisonFilter(self._model, self)
        self.table = self._make_table()
        self.search = QLineEdit(placeholderText="Name, maker, language…", clearButtonEnabled=True)
        self.search.setAccessibleName("Filter models")
        self.search.textChanged.connect(self._on_search)
        self._fitting = Check(theme)
        self._fitting.setText("Only what fits here")
        self._fitting.toggled.connect(self._on_fitting)
        self.sort_combo = Combo(theme)
        self.sort_combo.setAccessibleName("Sort by")
        self.sort_combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.sort_combo.currentIndexChanged.connect(self._on_sort_chosen)
        self._order = IconButton(theme, "arrow-up", "Turn the order round", can_be_off=True)
        self._order.clicked.connect(self._turn_order)
        self._count = label("", "small", wrap=True)
        self._lists = QPushButton("Lists of models…")
        self._lists.setProperty("kind", "link")
        self._lists.setCursor(Qt.CursorShape.PointingHandCursor)
        self._lists.clicked.connect(self._open_lists)
        self._about = QPushButton("About this model…")
        self._about.clicked.connect(self._ask_for_current)
        self._lay_out()
        self.table.selectionModel().selectionChanged.connect(self._show_selected)
        desk.catalogue.state.changed.connect(self._show)
        theme.changed.connect(self._dress)
        desk.catalogue.look()
        self._dress()
        self._show()

    def _make_table(self) -> QTableView:
        table = row_table("Models to compare", self._filter)
        table.setItemDelegateForColumn(FITS_COLUMN, _VerdictDelegate(self._theme, table))
        header = table.horizontalHeader()
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorClearable(True)
        header.sortIndicatorChanged.connect(self._show_order)
        table.setSortingEnabled(True)
        table.activated.connect(self._ask_for)
        return table

    def _lay_out(self) -> None:
        sorting = QWidget()
        self._sorting = QHBoxLayout(sorting)
        self._sorting.setContentsMargins(0, 0, 0, 0)
        sort_by = label("Sort by", "muted")
        sort_by.setBuddy(self.sort_combo)
        for widget in (sort_by, self.sort_combo, self._order):
            self._sorting.addWidget(widget)
        self._sorting.setStretch(1, 1)
        self._tools = FoldingRow()
        self._tools.add(self.search, 2)
        self._tools.add(self._fitting)
        self._tools.add(sorting, 1)
        self._foot = FoldingRow()
        self._foot.add(self._count, 1)
        self._foot.add(self._lists)
        self._foot.add(self._about)
        self._lines = QVBoxLayout(self)
        self._lines.addWidget(label(_TITLE, "hero", wrap=True))
        self._lines.addWidget(label(_TEXT, "muted", wrap=True))
        self._lines.addWidget(self._tools)
        self._lines.addWidget(self.table, 1)
        self._lines.addWidget(self._foot)

    # --- What is shown ---

    @Slot()
    def _show(self) -> None:
        state = self._desk.catalogue.state
        models = state.catalogue.models
        licences = {licence.id: licence for licence in state.catalogue.licences}
        columns = self._model.columns
        is_first = not self._model.rows
        self._model.show(rows_of(models, state.best, licences, state.here))
        if self._model.columns != columns or is_first:
            self._fill_sort_combo()
            self._fit_columns()
        self._show_count()
        self._show_selected()

    def _show_count(self) -> None:
        n_shown, n_all = self._filter.rowCount(), self._model.rowCount()
        some = f"{n_shown} of {n_all} models" if n_shown < n_all else f"{n_all} models"
        self._count.setText(some if n_shown or not n_all else _NOTHING)

    @Slot()
    def _show_selected(self) -> None:
        self._about.setEnabled(self.table.selectionModel().hasSelection())

    def _fit_columns(self) -> None:
        """As wide as what is in them, within reason; what is cut is told by the tool tip. Measured here: asking Qt for
        the size of each cell would hold up the window."""
        px, cells, heads = (
            self._theme.px,
            QFontMetrics(self._theme.font("ui")),
            QFontMetrics(self._theme.font("ui_bold")),
        )
        for section, column in enumerate(self._model.columns):
            widths = [cells.horizontalAdvance(column.text(row)) for row in self._model.rows]
            width = max(heads.horizontalAdvance(column.title) + px(_SORT_MARK), *widths, 0) + px(_CELL_MARGINS)
            self.table.setColumnWidth(section, min(width, px(_WIDEST_COLUMN)))

    # --- Filter and order ---

    @Slot(str)
    def _on_search(self, text: str) -> None:
        self._filter.set_text(text)
        self._show_count()

    @Slot(bool)
    def _on_fitting(self, only_fitting: bool) -> None:
        self._filter.set_only_fitting(only_fitting)
        self._show_count()

    def _fill_sort_combo(self) -> None:
        with QSignalBlocker(self.sort_combo):
            self.sort_combo.clear()
            self.sort_combo.addItems([_UNSORTED, *(column.title for column in self._model.columns)])
        header = self.table.horizontalHeader()
        self._show_order(header.sortIndicatorSection(), header.sortIndicatorOrder())

    @Slot(int)
    def _on_sort_chosen(self, entry: int) -> None:
        header = self.table.horizontalHeader()
        # without a column, the descending order would be the catalogue's turned round
        order = header.sortIndicatorOrder() if entry else Qt.SortOrder.AscendingOrder
        self.table.sortByColumn(entry - 1, order)

    @Slot()
    def _turn_order(self) -> None:
        header = self.table.horizontalHeader()
        orders = Qt.SortOrder
        is_up = header.sortIndicatorOrder() is orders.AscendingOrder
        self.table.sortByColumn(
            header.sortIndicatorSection(), orders.DescendingOrder if is_up else orders.AscendingOrder
        )

    @Slot(int, Qt.SortOrder)
    def _show_order(self, section: int, order: Qt.SortOrder) -> None:
        with QSignalBlocker(self.sort_combo):
            self.sort_combo.setCurrentIndex(section + 1 if section < self._model.columnCount() else 0)
        self._order.setEnabled(section >= 0)
        is_up = order is Qt.SortOrder.AscendingOrder
        self._order.set_icon("arrow-up" if is_up else "arrow-down")
        self._order.setAccessibleDescription(
            "The smallest or first comes first" if is_up else "The largest comes first"
        )

    # --- To the page of a model ---

    @Slot(QModelIndex)
    def _ask_for(self, index: QModelIndex) -> None:
        row = self._filter.row_at(index)
        if row is not None:
            self.family_asked.emit(row.model.id)

    @Slot()
    def _ask_for_current(self) -> None:
        self._ask_for(self.table.currentIndex())

    @Slot()
    def _open_lists(self) -> None:
        from llamadesk.ui.library.lists_dialog import ListsDialog  # noqa: PLC0415 - few people have lists of their own

        ListsDialog(self._desk, self._theme, self).open()

    # --- Looks ---

    @Slot()
    def _dress(self) -> None:
        theme, c, px = self._theme, self._theme.colours, self._theme.px
        self.setStyleSheet(
            room_sheet(theme) + f"#compare {{ background: {c.window}; }}"
            f"QTableView {{ background: {c.surface_raised}; alternate-background-color: {c.sidebar};"
            f" border: 1px solid {c.border}; border-radius: {px(10)}px; font-size: {px(13)}px; color: {c.text};"
            f" selection-background-color: {c.selected}; selection-color: {c.text}; outline: none; }}"
            f"QTableView:focus {{ border: 1px solid {c.focus}; }}"
            f"QTableView::item {{ padding: 0 {px(8)}px; border: none; border-bottom: 1px solid {c.border}; }}"
            f"QHeaderView {{ background: {c.sidebar}; border: none; }}"
            f"QHeaderView::section {{ background: {c.sidebar}; color: {c.text_muted}; border: none;"
            f" border-bottom: 1px solid {c.border}; padding: {px(7)}px {px(8) + 3}px; font-weight: 600;"
            f" font-size: {px(12)}px; }}"
            f"QTableView::corner {{ background: transparent; border: none; }}"
            f"QHeaderView::section:hover {{ background: {c.hover}; }}"
            f"QCheckBox {{ font-size: {px(13)}px; color: {c.text}; spacing: {px(7)}px; }}"
        )
        self._lines.setContentsMargins(px(24), px(22), px(24), px(16))
        self._lines.setSpacing(px(10))
        self._sorting.setSpacing(px(6))
        self._tools.set_room(px(_FOLDED_BELOW), px(12))
        self._foot.set_room(0, px(12))
        self.table.verticalHeader().setDefaultSectionSize(px(36))
        self._fit_columns()
