"""Everything that a model file's header says, key by key, with a field to find things in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QHeaderView, QLineEdit, QTableView, QVBoxLayout, QWidget

from llamadesk.core.gguf_raw import RawValue
from llamadesk.ui.library.row_table import row_table
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label, plain_tip

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

_Index = QModelIndex | QPersistentModelIndex
_NO_PARENT: Final = QModelIndex()
_COLUMNS: Final = ("Key", "Value", "Type")
_ROWS_SHOWN: Final = 12
_ROW_HEIGHT: Final = 26
_KEY_WIDTH: Final = 230
_TYPE_WIDTH: Final = 120
_NARROW: Final = 520


class HeaderTableModel(QAbstractTableModel):
    """A row for each key: its name, its value, the type of that."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._values: tuple[RawValue, ...] = ()

    def show(self, values: Sequence[RawValue]) -> None:
        """Take these in place of what there is."""
        self.beginResetModel()
        self._values = tuple(values)
        self.endResetModel()

    def rowCount(self, parent: _Index = _NO_PARENT) -> int:
        """How many keys there are."""
        return 0 if parent.isValid() else len(self._values)

    def columnCount(self, parent: _Index = _NO_PARENT) -> int:
        """See the class."""
        return 0 if parent.isValid() else len(_COLUMNS)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The text of a cell; whole in its tool tip."""
        if not index.isValid():
            return None
        value = self._values[index.row()]
        text = (value.key, value.text, value.type_name)[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return text
        return plain_tip(text) if role == Qt.ItemDataRole.ToolTipRole else None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The names of the columns."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _COLUMNS[section]
        return None


class HeaderTable(QWidget):
    """The table, the field above it, and how much of it is shown."""

    def __init__(self, theme: ThemeManager) -> None:
        super().__init__()
        self._theme = theme
        self._model = HeaderTableModel(self)
        self._filter = QSortFilterProxyModel(self)
        self._filter.setSourceModel(self._model)
        self._filter.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._filter.setFilterKeyColumn(-1)
        self.search = QLineEdit(placeholderText="Find in the header…", clearButtonEnabled=True)
        self.search.setAccessibleName("Find in the header")
        self.search.textChanged.connect(self._on_search)
        self.table = self._make_table()
        self._count = label("", "small")
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.search, self.table, self._count):
            self._layout.addWidget(widget)
        QShortcut(
            QKeySequence(QKeySequence.StandardKey.Copy), self.table, context=Qt.ShortcutContext.WidgetShortcut
        ).activated.connect(self.copy)
        theme.changed.connect(self._fit)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Other room, other columns."""
        super().resizeEvent(event)
        self._fit_columns()

    def show_values(self, values: Sequence[RawValue]) -> None:
        """Show these, all of them."""
        self.search.clear()
        self._model.show(values)
        self._show_count()

    def copy(self) -> None:
        """Put the chosen row on the clipboard, as "key = value"."""
        row = self.table.currentIndex().row()
        if row >= 0:
            key, value = (str(self._filter.index(row, column).data()) for column in (0, 1))
            QGuiApplication.clipboard().setText(f"{key} = {value}")

    def _make_table(self) -> QTableView:
        table = row_table("Header of the file", self._filter)
        header = table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        return table

    def _on_search(self, text: str) -> None:
        self._filter.setFilterFixedString(text.strip())
        self._show_count()

    def _show_count(self) -> None:
        n_all, n_shown = self._model.rowCount(), self._filter.rowCount()
        self._count.setText(f"{n_all:,} entries" if n_shown == n_all else f"{n_shown:,} of {n_all:,} entries")

    def _fit(self) -> None:
        px = self._theme.px
        self._layout.setSpacing(px(8))
        self.table.verticalHeader().setDefaultSectionSize(px(_ROW_HEIGHT))
        self.table.setFixedHeight(px(_ROW_HEIGHT) * (_ROWS_SHOWN + 1) + px(8))
        self._fit_columns()

    def _fit_columns(self) -> None:
        """The values get what the others leave; the types, which few people need, go first."""
        px, width = self._theme.px, self.width()
        self.table.setColumnHidden(2, width < px(_NARROW))
        self.table.setColumnWidth(0, min(px(_KEY_WIDTH), width // 2))
        self.table.setColumnWidth(2, px(_TYPE_WIDTH))
