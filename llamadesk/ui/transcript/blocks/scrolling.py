"""A block that scrolls sideways inside itself: code and tables."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QWidget

from llamadesk.ui.transcript.bars import ThinBar
from llamadesk.ui.transcript.blocks.base import BlockWidget


class SidewaysBar(ThinBar):
    """A horizontal scroll bar that leaves vertical turns of the wheel to the transcript."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setAccessibleName("Scroll sideways")

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Only sideways."""
        if sideways(event):
            super().wheelEvent(event)
        else:
            event.ignore()


def sideways(event: QWheelEvent) -> bool:
    """Whether a wheel event asks to go left or right."""
    delta = event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta()
    return abs(delta.x()) > abs(delta.y()) or bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)


class SidewaysBlock(BlockWidget):
    """A block whose content may be wider than itself."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._bar = SidewaysBar(self)
        self._bar.valueChanged.connect(self._scrolled)
        self._bar.hide()

    @property
    def offset(self) -> int:
        """How far its content is scrolled to the left."""
        return self._bar.value()

    def set_extent(self, content: int, page: int) -> bool:
        """Show `page` of `content` pixels; returns whether that takes a scroll bar."""
        if self.look is not None:
            self._bar.set_look(self.look)
        overflow = max(0, content - page)
        self._bar.setRange(0, overflow)
        self._bar.setPageStep(page)
        self._bar.setSingleStep(40)
        self._bar.setVisible(overflow > 0)
        return overflow > 0

    def place_bar(self, rect: QRect) -> None:
        """Where the scroll bar lies."""
        self._bar.setGeometry(rect)

    def forget(self) -> None:
        """Hold nothing of the piece any more."""
        super().forget()
        self._bar.setValue(0)

    def reveal(self, left: int, right: int) -> None:
        """Scroll so that content between two of its x positions is seen (while a selection is dragged)."""
        if left < self.offset:
            self._bar.setValue(left)
        elif right > self.offset + self._bar.pageStep():
            self._bar.setValue(right - self._bar.pageStep())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Sideways scrolls inside; all else is the transcript's."""
        if self._bar.isVisible() and sideways(event):
            delta = event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta()
            self._bar.setValue(self._bar.value() - (delta.x() or delta.y()))
            event.accept()
        else:
            event.ignore()

    def _scrolled(self) -> None:
        self.update()
