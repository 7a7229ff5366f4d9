"""A block that scrolls sideways inside itself: code and tables."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QScrollBar, QWidget

from llamadesk.ui.transcript.blocks.base import BlockWidget

BAR_HEIGHT = 12


class SidewaysBar(QScrollBar):
    """A thin horizontal scroll bar that leaves vertical turns of the wheel to the transcript."""

    def __init__(self, parent: SidewaysBlock) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._block = parent
        self.setAccessibleName("Scroll sideways")
        self.setCursor(Qt.CursorShape.ArrowCursor)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Only sideways."""
        if sideways(event):
            super().wheelEvent(event)
        else:
            event.ignore()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """A rounded handle, nothing else."""
        look = self._block.look
        if look is None:
            return
        span = self.maximum() - self.minimum() + self.pageStep()
        if span <= 0:
            return
        width = max(24.0, self.width() * self.pageStep() / span)
        x = (self.width() - width) * self.value() / max(1, self.maximum())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.colour("border_strong" if self.underMouse() or self.isSliderDown() else "scrollbar"))
        painter.drawRoundedRect(QRectF(x, 3, width, 6), 3, 3)
        painter.end()


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
