"""The line at the foot of the window: what the engine does, how fast, and how full the context is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from llamadesk.core.chat import Overflow
from llamadesk.core.settings import OVERFLOW
from llamadesk.state.engine import EngineStatus, Phase
from llamadesk.ui.context_meter import ContextMeter, Usage, plain_words, short_words, usage_of
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import ElidedLabel, label

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent, QResizeEvent

    from llamadesk.control.desk import Desk

_NARROW = 560
PROMISE = "Everything stays on this computer."


class _Lamp(QWidget):
    """A dot in the colour of the state; the words beside it say the same."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colour = QColor()

    def sizeHint(self) -> QSize:
        return QSize(8, 8)

    def show_colour(self, colour: str) -> None:
        if colour != self._colour.name():
            self._colour = QColor(colour)
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._colour)
        painter.drawEllipse(QRectF((self.width() - 7) / 2, (self.height() - 7) / 2, 7, 7))


_SUMMARISING = "Reading... Summarising the beginning of this chat"


def usage_text(status: EngineStatus, usage: Usage) -> str:
    """Speed and use of the context in words; "" where there is nothing to say."""
    speed = f"{status.tokens_per_second:.1f} tokens/s" if status.tokens_per_second > 0 else ""
    return "  ·  ".join(part for part in (speed, short_words(usage)) if part)


class StatusLine(QWidget):
    """Follows the engine's state."""

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self._narrow = False
        self._counted: Usage | None = None  # by the engine; holds after a reply until the chat is measured again
        self._lamp = _Lamp()
        self._state = ElidedLabel("small")
        self._state.setAccessibleName("Engine status")
        self._progress = QProgressBar(textVisible=False, maximum=100)
        self._progress.setAccessibleName("Progress")
        self._promise = label(PROMISE, "faint")
        self._promise.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._usage = label("", "small")
        self._usage.setAccessibleName("Context use")
        self._meter = ContextMeter()
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
        right = QWidget()
        self._right = QHBoxLayout(right)
        self._right.setContentsMargins(0, 0, 0, 0)
        self._right.addStretch()
        self._right.addWidget(self._meter)
        self._right.addWidget(self._usage)
        self._layout.addWidget(right, 1)
        desk.engine.status_changed.connect(self._show)
        desk.context_state.changed.connect(self._show_measured)
        for signal in (desk.chats.opened, desk.chats.options_changed):
            signal.connect(self._show_usage)
        desk.settings.changed.connect(self._on_setting)
        theme.changed.connect(self._dress)
        self._dress()
        self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where it is narrow, the figures matter more than the promise."""
        self._narrow = event.size().width() < self._theme.px(_NARROW)
        self._show()
        super().resizeEvent(event)

    def _show(self) -> None:
        status = self._desk.engine.status
        summarising = self._desk.context_state.summarising
        text = _SUMMARISING if summarising else status.text
        self._promise.setVisible(not self._narrow and not summarising)
        self._usage.setVisible(not self._narrow or not summarising)
        if self._state.text() != text:
            self._state.setText(text)
            self._state.setAccessibleDescription(text)
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
        self._show_usage()

    def _show_measured(self) -> None:
        self._counted = None
        self._show()

    def _on_setting(self, key: str) -> None:
        if key == OVERFLOW:
            self._show_usage()

    def _show_usage(self) -> None:
        desk, colours = self._desk, self._theme.colours
        status, context = desk.engine.status, desk.context_state
        if status.busy:
            self._counted = usage_of(status, context)
        usage = self._counted or usage_of(status, context)
        self._meter.setVisible(usage.n_ctx > 0 and not self._narrow)
        self._meter.show_usage(usage, colours)
        words = short_words(usage) if self._narrow and usage.nearly_full else usage_text(status, usage)
        if words != self._usage.text():
            self._usage.setText(words)
            self._usage.setAccessibleDescription(words)
        warning = colours.error if usage.too_long else colours.warning if usage.nearly_full else ""
        sheet = f"color: {warning};" if warning else ""
        if sheet != self._usage.styleSheet():
            self._usage.setStyleSheet(sheet)
        overflow = desk.chats.options.overflow or Overflow(desk.settings.get(OVERFLOW, str))
        forgets = context.first_seen is not None or bool(context.dropped)
        tip = plain_words(usage, overflow, forgets=forgets)
        for widget in (self._meter, self._usage):
            widget.setToolTip(tip)

    def _dress(self) -> None:
        theme = self._theme
        self.setStyleSheet(room_sheet(theme))
        self._layout.setContentsMargins(theme.px(16), theme.px(2), theme.px(16), theme.px(7))
        self._layout.setSpacing(theme.px(12))
        for layout in (self._left, self._right):
            layout.setSpacing(theme.px(7))
        self._lamp.setFixedSize(theme.px(9), theme.px(9))
        self._progress.setFixedSize(theme.px(72), theme.px(4))
        self._meter.setFixedSize(theme.px(56), theme.px(4))
        self._show()
