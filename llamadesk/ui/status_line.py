"""The line at the foot of the window: what the engine does, how fast, and how full the context is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from llamadesk.state.engine import EngineStatus, Phase
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import ElidedLabel, label

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent, QResizeEvent

    from llamadesk.control.desk import Desk

PROMISE = "Everything stays on this computer."


class _Lamp(QWidget):
    """A dot in the colour of the state; the words beside it say the same."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colour = QColor()

    def sizeHint(self) -> QSize:
        return QSize(8, 8)

    def show_colour(self, colour: str) -> None:
        self._colour = QColor(colour)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._colour)
        painter.drawEllipse(QRectF((self.width() - 7) / 2, (self.height() - 7) / 2, 7, 7))


def usage_text(status: EngineStatus) -> str:
    """Speed and use of the context in words; "" where there is nothing to say."""
    parts = []
    if status.tokens_per_second > 0:
        parts.append(f"{status.tokens_per_second:.1f} tokens/s")
    if status.n_ctx:
        parts.append(f"{status.n_past:,} of {status.n_ctx:,} tokens")
    return "  ·  ".join(parts)


class StatusLine(QWidget):
    """Follows the engine's state."""

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self._lamp = _Lamp()
        self._state = ElidedLabel("small")
        self._state.setAccessibleName("Engine status")
        self._progress = QProgressBar(textVisible=False, maximum=100)
        self._progress.setAccessibleName("Progress")
        self._promise = label(PROMISE, "faint")
        self._promise.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._usage = label("", "small")
        self._usage.setAccessibleName("Context use")
        self._usage.setToolTip("How fast the reply is written, and how much of the model's context this chat fills.")
        left = QWidget()
        self._left = QHBoxLayout(left)
        self._left.setContentsMargins(0, 0, 0, 0)
        self._left.addWidget(self._lamp)
        self._left.addWidget(self._state)
        self._left.addWidget(self._progress)
        self._left.addStretch()
        self._layout = QHBoxLayout(self)
        self._layout.addWidget(left, 1)
        self._layout.addWidget(self._promise)
        self._layout.addWidget(self._usage, 1, Qt.AlignmentFlag.AlignRight)
        desk.engine.status_changed.connect(self._show)
        theme.changed.connect(self._dress)
        self._dress()
        self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where it is narrow, the figures matter more than the promise."""
        self._promise.setVisible(event.size().width() >= self._theme.px(560))
        super().resizeEvent(event)

    def _show(self) -> None:
        status = self._desk.engine.status
        if self._state.text() != status.text:
            self._state.setText(status.text)
            self._state.setAccessibleDescription(status.text)
        colours = self._theme.colours
        self._lamp.show_colour(
            {
                Phase.READY: colours.success,
                Phase.STOPPED: colours.error,
                Phase.NO_MODEL: colours.border_strong,
                Phase.RESTING: colours.border_strong,
            }.get(status.phase, colours.accent)
        )
        under_way = status.phase in (Phase.LOADING, Phase.READING)
        self._progress.setVisible(under_way)
        if under_way:
            self._progress.setValue(round(status.fraction * 100))
        usage = usage_text(status)
        self._usage.setText(usage)
        self._usage.setAccessibleDescription(usage)

    def _dress(self) -> None:
        theme = self._theme
        self.setStyleSheet(room_sheet(theme))
        self._layout.setContentsMargins(theme.px(16), theme.px(2), theme.px(16), theme.px(7))
        self._left.setSpacing(theme.px(7))
        self._lamp.setFixedSize(theme.px(9), theme.px(9))
        self._progress.setFixedSize(theme.px(72), theme.px(4))
        self._show()
