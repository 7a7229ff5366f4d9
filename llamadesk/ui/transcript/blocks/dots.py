"""Three dots that move while there is no word of a reply yet, where they are seen."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QHideEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from llamadesk.ui.transcript.look import Look

_STEP_MS = 320
"""Calm on purpose: meanwhile the model reads on every core, and waits for the one that paints."""
_OPACITIES = (0.9, 0.6, 0.35, 0.25, 0.25, 0.35)
_WIDTH, _HEIGHT = 48, 28  # pixels at 100 %


class Dots(QWidget):
    """They move while it is shown. What they mean, the widget that holds them tells screen readers."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._look: Look | None = None
        self._phase = 0
        self._timer = QTimer(self)
        self._timer.setInterval(_STEP_MS)
        self._timer.timeout.connect(self._step)
        self.hide()

    def set_look(self, look: Look) -> None:
        """Colours and sizes."""
        self._look = look
        self.resize(look.px(_WIDTH), look.px(_HEIGHT))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """One of them is the brightest."""
        if self._look is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        for dot in range(3):
            colour = QColor(self._look.colour("text_muted"))
            colour.setAlphaF(_OPACITIES[(self._phase - dot) % len(_OPACITIES)])
            painter.setBrush(colour)
            painter.drawEllipse(
                QRectF(self._look.px(2 + 12 * dot), self._look.px(10), self._look.px(7), self._look.px(7))
            )
        painter.end()

    def _step(self) -> None:
        self._phase = (self._phase + 1) % len(_OPACITIES)
        if not self.visibleRegion().isEmpty():
            self.update()

    def showEvent(self, event: QShowEvent) -> None:
        """They move."""
        super().showEvent(event)
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """They rest."""
        self._timer.stop()
        super().hideEvent(event)
