"""One message as a group: it has the speaker's name for screen readers and paints a person's bubble."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QEnterEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QGroupBox, QWidget

from llamadesk.ui.transcript.look import Look


class MessageGroup(QGroupBox):
    """Holds the realised pieces of one message. A QGroupBox, because screen readers know it as a group."""

    hovered = Signal(bool)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover, False)
        self._bubble = QRectF()
        self._look: Look | None = None

    def set_bubble(self, bubble: QRectF, look: Look) -> None:
        """Where to paint the bubble, in own coordinates; beyond the group where pieces are not realised."""
        if bubble != self._bubble or look is not self._look:
            self._bubble, self._look = bubble, look
            self.update()

    def forget(self) -> None:
        """Ready for another message."""
        self._bubble = QRectF()
        self.setAccessibleName("")
        self.hovered.disconnect()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The bubble, if it has one."""
        if self._bubble.isNull() or self._look is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._look.colour("bubble"))
        radius = self._look.px(20)
        painter.drawRoundedRect(self._bubble, radius, radius)
        painter.end()

    def enterEvent(self, _event: QEnterEvent) -> None:
        """What can be done with the message shows."""
        self.hovered.emit(True)

    def leaveEvent(self, _event: QEvent) -> None:
        """And hides."""
        self.hovered.emit(False)
