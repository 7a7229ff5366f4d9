"""A row that becomes a column where the window is narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSize
from PySide6.QtWidgets import QBoxLayout, QWidget

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent


class FoldingRow(QWidget):
    """Its widgets stand side by side where there is room for it, else one below the other."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._room = 0
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(0, 0, 0, 0)

    def add(self, widget: QWidget, stretch: int = 0) -> None:
        """Put a widget at the end."""
        self._row.addWidget(widget, stretch)

    def add_stretch(self) -> None:
        """Leave what room there is at the end."""
        self._row.addStretch(1)

    def set_room(self, width: int, spacing: int) -> None:
        """Side by side needs `width` pixels; 0 for as many as the widgets like. `spacing` is between them."""
        self._room = width
        self._row.setSpacing(spacing)
        self._fold()

    @property
    def is_folded(self) -> bool:
        """Whether they stand one below the other."""
        return self._row.direction() is QBoxLayout.Direction.TopToBottom

    def minimumSizeHint(self) -> QSize:
        """As narrow as its widest widget: a row would otherwise hinder its own folding."""
        widths = [item.minimumSize().width() for item in map(self._row.itemAt, range(self._row.count())) if item]
        return QSize(max(widths, default=0), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fold or unfold."""
        super().resizeEvent(event)
        self._fold()

    def event(self, event: QEvent) -> bool:
        """One of its widgets may like another width than before."""
        if event.type() is QEvent.Type.LayoutRequest:
            self._fold()
        return super().event(event)

    def _fold(self) -> None:
        room = self._room or self._liked_width()
        directions = QBoxLayout.Direction
        wanted = directions.TopToBottom if self.width() < room else directions.LeftToRight
        if self._row.direction() is not wanted:
            self._row.setDirection(wanted)

    def _liked_width(self) -> int:
        items = [item for item in map(self._row.itemAt, range(self._row.count())) if item and item.widget()]
        return sum(item.sizeHint().width() for item in items) + self._row.spacing() * max(len(items) - 1, 0)
