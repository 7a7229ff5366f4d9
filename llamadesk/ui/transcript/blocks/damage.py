"""What is said below a message whose text the disk has altered."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter

from llamadesk.ui.icons import icon_pixmap
from llamadesk.ui.transcript.look import Look

DAMAGE_WORDS = "Part of this message may have been damaged on the disk."
_ICON, _GAP = 16, 12  # pixels at 100 %: the words begin where those beside the Copy button do
_ABOVE, _BELOW = 4, 4  # pixels at 100 %
_WRAPPED = Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap


class DamageNote:
    """A warning sign and the words, on as many lines as they need: they are never cut."""

    def __init__(self) -> None:
        self._words = QRectF()

    def lay_out(self, width: int, look: Look, *, at_right: bool) -> int:
        """Place it in `width` pixels, at the left edge or at the right one; returns the height in pixels."""
        left = look.px(_ICON + _GAP)
        room = QRectF(left, look.px(_ABOVE), max(1, width - left), 1 << 16)
        words = look.metrics("small").boundingRect(room, _WRAPPED, DAMAGE_WORDS)
        if at_right:
            room.translate(math.floor(room.right() - words.right()), 0)
        room.setHeight(math.ceil(words.height()))
        self._words = room  # as wide as it was measured, so that its lines end at the same words
        return math.ceil(room.bottom()) + look.px(_BELOW)

    def paint(self, painter: QPainter, look: Look) -> None:
        """The sign beside the first line, the words."""
        size = look.px(_ICON)
        ratio = painter.device().devicePixelRatioF()
        line = look.metrics("small").height()
        sign = icon_pixmap("triangle-alert", look.colours.warning, size, ratio)
        x = self._words.left() - look.px(_ICON + _GAP)
        painter.drawPixmap(round(x), round(self._words.top() + (line - size) / 2), sign)
        painter.setFont(look.fonts["small"])
        painter.setPen(look.colour("warning"))
        painter.drawText(self._words, _WRAPPED, DAMAGE_WORDS)
