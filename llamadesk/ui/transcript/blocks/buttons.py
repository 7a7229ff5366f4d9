"""The buttons of a message: an icon, a word beside it where there is room, and a tick after copying."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QWidget

from llamadesk.ui.icons import icon_pixmap
from llamadesk.ui.transcript.look import Look

_TICK_MS = 1_600


class QuietButton(QPushButton):
    """An icon button that is there for keyboard and screen reader even while it is not painted.

    Attributes:
        revealed: whether it is painted while neither the mouse is over it nor it has the focus.
        says_done: whether `show_done` may come, for which a button with a label keeps room.
    """

    def __init__(self, name: str, icon: str, parent: QWidget, label: str = "") -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setToolTip("" if label else name)
        self.setFlat(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)  # painted anew as the mouse comes and goes
        self.revealed = True
        self.says_done = True
        self._colour = "text_muted"
        self._icon = icon
        self._label = label
        self._look: Look | None = None
        self._tick = QTimer(self)
        self._tick.setSingleShot(True)
        self._tick.setInterval(_TICK_MS)
        self._tick.timeout.connect(self.update)

    def set_look(self, look: Look) -> None:
        """Colours and sizes."""
        self._look = look
        self.resize(self.sizeHint())
        self.update()

    def set_face(self, name: str, icon: str, *, label: str = "", tip: str = "", colour: str = "text_muted") -> None:
        """Be another button: its accessible name, icon, label, tool tip and the colour's name of what is painted."""
        tip = "" if label else tip or name
        face = (self.accessibleName(), self.toolTip(), self._icon, self._label, self._colour)
        if (name, tip, icon, label, colour) == face:
            return
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self._icon, self._label, self._colour = icon, label, colour
        self.update()

    def set_revealed(self, revealed: bool) -> None:
        """Paint it, or only while it is used."""
        if revealed != self.revealed:
            self.revealed = revealed
            self.update()

    def show_done(self) -> None:
        """A tick in place of the icon, for a moment."""
        self._tick.start()
        self.update()

    def sizeHint(self) -> QSize:
        """Large enough to hit."""
        if self._look is None:
            return QSize(28, 28)
        size = self._look.px(28)
        if not self._label:
            return QSize(size, size)
        words = (self._label, "Copied") if self.says_done else (self._label,)
        width = max(self._look.metrics("small").horizontalAdvance(word) for word in words)
        return QSize(round(width) + self._look.px(14 + 6 + 16), size)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """A rounded ground under the mouse, the icon, the word."""
        look = self._look
        if look is None or not (self.revealed or self.underMouse() or self.hasFocus() or self._tick.isActive()):
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.underMouse() or self.isDown():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.colour("pressed" if self.isDown() or self._label else "hover"))
            painter.drawRoundedRect(self.rect(), 6, 6)
        if self.hasFocus():
            painter.setPen(QPen(look.colour("focus"), 1.6))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        done = self._tick.isActive()
        colour = getattr(look.colours, "text" if self.underMouse() else self._colour)
        size = look.px(14 if self._label else 16)
        pixmap = icon_pixmap("check" if done else self._icon, colour, size, self.devicePixelRatioF())
        x = look.px(8) if self._label else (self.width() - size) // 2
        painter.drawPixmap(x, (self.height() - size) // 2, pixmap)
        if self._label:
            painter.setPen(look.colour("text" if self.underMouse() else self._colour))
            painter.setFont(look.fonts["small"])
            left = x + size + look.px(5)
            painter.drawText(
                QRectF(left, 0, self.width() - left, self.height()),
                Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft,
                "Copied" if done else self._label,
            )
        painter.end()


class RoundButton(QPushButton):
    """A round button that floats over the messages: to the end of the chat."""

    def __init__(self, name: str, icon: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setFlat(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)  # painted anew as the mouse comes and goes
        self._icon = icon
        self._look: Look | None = None

    def set_look(self, look: Look) -> None:
        """Colours and size."""
        self._look = look
        self.resize(look.px(36), look.px(36))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """A raised disc with the icon."""
        if self._look is None:
            return
        look = self._look
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        disc = QRectF(self.rect()).adjusted(1.5, 1, -1.5, -2)
        shade = QColor(look.colour("text"))
        shade.setAlphaF(0.06)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(shade)
        painter.drawEllipse(disc.translated(0, 1))
        painter.setBrush(look.colour("hover" if self.underMouse() or self.isDown() else "surface_raised"))
        painter.setPen(
            QPen(look.colour("focus" if self.hasFocus() else "border_strong"), 1.6 if self.hasFocus() else 1)
        )
        painter.drawEllipse(disc)
        size = look.px(18)
        pixmap = icon_pixmap(self._icon, look.colours.text_muted, size, self.devicePixelRatioF())
        painter.drawPixmap((self.width() - size) // 2, (self.height() - size) // 2, pixmap)
        painter.end()
