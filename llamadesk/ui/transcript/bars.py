"""Thin scroll bars: a rounded handle and nothing else."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QScrollBar, QStyle, QStyleOptionSlider, QWidget

from llamadesk.ui.transcript.look import THICKNESS, Look


class ThinBar(QScrollBar):
    """A scroll bar that paints only its handle, where the style has it."""

    def __init__(self, orientation: Qt.Orientation, parent: QWidget) -> None:
        super().__init__(orientation, parent)
        self._look: Look | None = None
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)  # painted anew as the mouse comes and goes

    def set_look(self, look: Look) -> None:
        """Colours."""
        self._look = look
        self.update()

    def sizeHint(self) -> QSize:
        """As thin as it is painted."""
        hint = super().sizeHint()
        vertical = self.orientation() is Qt.Orientation.Vertical
        return QSize(THICKNESS, hint.height()) if vertical else QSize(hint.width(), THICKNESS)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The handle."""
        if self._look is None:
            return
        painter = QPainter(self)
        if self.orientation() is Qt.Orientation.Vertical:
            painter.fillRect(event.rect(), self._look.colour("window"))
        if self.maximum() > self.minimum():
            option = QStyleOptionSlider()
            self.initStyleOption(option)
            control = QStyle.SubControl.SC_ScrollBarSlider
            handle = QRectF(self.style().subControlRect(QStyle.ComplexControl.CC_ScrollBar, option, control, self))
            if self.orientation() is Qt.Orientation.Vertical:
                handle = QRectF(self.width() - 9, handle.top(), 6, handle.height())
            else:
                handle = QRectF(handle.left(), 3, handle.width(), 6)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            used = self.underMouse() or self.isSliderDown()
            painter.setBrush(self._look.colour("border_strong" if used else "scrollbar"))
            painter.drawRoundedRect(handle, 3, 3)
        painter.end()
