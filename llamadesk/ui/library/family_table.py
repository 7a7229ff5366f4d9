"""The table of a model's quantizations: side by side where there is room, else each as a small card.

Each row is one sentence for a screen reader, with an ordinary button in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFrame, QVBoxLayout

from llamadesk.ui.library.family_row_view import COLUMNS_FROM, HeadView, RowView
from llamadesk.ui.library.family_rows import FamilyRow
from llamadesk.ui.theme import ThemeManager

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

_BORDER: Final = 1


class FamilyTable(QFrame):
    """Rows that stay while the same quantizations are shown, so that the focus stays as well."""

    acted = Signal(object)
    """The FamilyRow whose button was pressed."""

    def __init__(self, theme: ThemeManager) -> None:
        super().__init__()
        self._theme = theme
        self.setObjectName("family_table")
        self.setAccessibleName("Quantizations")
        self._rows: list[RowView] = []
        self._head = HeadView(theme)
        self._layout = QVBoxLayout(self)
        self._layout.setSpacing(0)
        self._layout.setContentsMargins(*[_BORDER] * 4)
        self._layout.addWidget(self._head)
        theme.changed.connect(self._arrange)

    @property
    def rows(self) -> list[FamilyRow]:
        """What is shown."""
        return [each.row for each in self._rows]

    def show_rows(self, rows: Sequence[FamilyRow]) -> None:
        """Show these."""
        if [row.name for row in rows] != [each.row.name for each in self._rows]:
            self._make(rows)
        for each, row in zip(self._rows, rows, strict=True):
            if each.row != row:
                each.show_row(row)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Columns, and their names above them, where there is room."""
        super().resizeEvent(event)
        self._show_head()

    def _make(self, rows: Sequence[FamilyRow]) -> None:
        for each in self._rows:
            self._layout.removeWidget(each)
            each.hide()
            each.deleteLater()
        self._rows = [RowView(self._theme, row, is_first=index == 0) for index, row in enumerate(rows)]
        for each in self._rows:
            each.pressed.connect(self._on_pressed)
            self._layout.addWidget(each)

    @Slot()
    def _on_pressed(self) -> None:
        row = self.sender()
        if isinstance(row, RowView):
            self.acted.emit(row.row)

    @Slot()
    def _arrange(self) -> None:
        self._show_head()
        self._head.updateGeometry()
        for each in self._rows:
            each.arrange()

    def _show_head(self) -> None:
        self._head.setVisible(self.width() - 2 * _BORDER >= self._theme.px(COLUMNS_FROM))
