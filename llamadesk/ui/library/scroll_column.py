"""A page that is one column, which scrolls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import VerticalScroll

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

_MARGIN: Final = 24
_NARROWEST: Final = 200


class ScrollColumn(VerticalScroll):
    """The column stands in the middle and is as wide as there is room for, up to what is still pleasant to read.

    Attributes:
        lines: where its widgets go, one below the other.
    """

    def __init__(self, theme: ThemeManager, widest: int, parent: QWidget | None = None) -> None:
        """`widest`: of the column, in pixels at 100 %."""
        super().__init__("scroll", parent)
        self._theme = theme
        self._widest = widest
        self._column = QWidget()
        self._column.setObjectName("column")
        self.lines = QVBoxLayout(self._column)
        body = QWidget()
        body.setObjectName("body")
        centred = QHBoxLayout(body)  # not an alignment: that would take the height from before the texts wrap
        centred.setContentsMargins(0, 0, 0, 0)
        centred.addStretch()
        centred.addWidget(self._column)
        centred.addStretch()
        self.setWidget(body)
        theme.changed.connect(self._dress)
        self._dress()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The column's width is set: texts that wrap know their height only then."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = self.maximumViewportSize().width() - self.verticalScrollBar().sizeHint().width()
        self._column.setFixedWidth(min(self._theme.px(self._widest), max(room, _NARROWEST)))

    @Slot()
    def _dress(self) -> None:
        margin = self._theme.px(_MARGIN)
        self.lines.setContentsMargins(margin, self._theme.px(20), margin, margin)
        self.lines.setSpacing(self._theme.px(10))
        self._fit()
