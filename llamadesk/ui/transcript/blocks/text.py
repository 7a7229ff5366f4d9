"""Paragraphs, headings, lists and quotes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QTextOption
from PySide6.QtWidgets import QWidget

from llamadesk.core.markdown import Paragraph, TextBlock, plain_text
from llamadesk.ui.transcript.blocks.base import BlockWidget
from llamadesk.ui.transcript.blocks.lines import StyledText
from llamadesk.ui.transcript.look import Look

INDENT = 26
"""Of each list, at 100 %."""
QUOTE_INDENT = 18
"""Of each quote, at 100 %."""


def paragraph_space(before: Paragraph | None, paragraph: Paragraph) -> int:
    """Pixels at 100 % above a paragraph, `before` being the one above it in the same block."""
    if paragraph.continues:
        return 0
    if paragraph.level:
        return 22 if before is None or not before.level else 12
    if before is not None and before.level:
        return 8
    if paragraph.marker:
        return 6 if before is None or before.quote == paragraph.quote else 12
    return 12


@dataclass(slots=True)
class _Placed:
    paragraph: Paragraph
    text: StyledText
    x: float
    y: float
    width: float
    gap: float  # above it

    @property
    def bottom(self) -> float:
        return self.y + self.text.height


class TextWidget(BlockWidget):
    """A TextBlock."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._placed: list[_Placed] = []
        self._width = 0
        self._laid_out_by: Look | None = None
        self._starts: list[int] | None = None

    def forget(self) -> None:
        """Hold nothing of the piece any more."""
        super().forget()
        self._placed = []
        self._starts = None

    def lay_out(self, width: int) -> int:
        """Lay out the paragraphs; those that are the same as before are kept as they are."""
        assert self.look is not None and self.piece is not None and isinstance(self.piece.block, TextBlock)
        look = self.look
        old = self._placed if width == self._width and look is self._laid_out_by else []
        self._width, self._laid_out_by, self._starts = width, look, None
        placed: list[_Placed] = []
        y = 0.0
        before: Paragraph | None = None
        for number, paragraph in enumerate(self.piece.block.paragraphs):
            gap = (
                0.0
                if before is None
                else float(look.px(paragraph_space(before, paragraph)))
                if not paragraph.continues
                else 0.0
            )
            y += gap
            same = old[number] if number < len(old) and old[number].y == y else None
            if same is not None and same.paragraph == paragraph:
                item = same
            else:
                item = self._place(paragraph, y, gap, width, look)
                self._mark_changed(same, item)
            placed.append(item)
            y = item.bottom
            before = paragraph
        if len(old) > len(placed):
            self.mark_dirty(QRect(0, math.floor(y), self._width, 1 << 24))
        self._placed = placed
        return math.ceil(y)

    def _place(self, paragraph: Paragraph, y: float, gap: float, width: int, look: Look) -> _Placed:
        indent = look.px(INDENT) * paragraph.indent + look.px(QUOTE_INDENT) * paragraph.quote
        if len(paragraph.marker) > 3:  # "100." is wider than its place
            indent += round(look.metrics("body").horizontalAdvance(paragraph.marker)) - look.px(INDENT - 10)
        indent = min(indent, width // 2)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        if paragraph.right_to_left:  # the direction alone would leave it at the left
            option.setTextDirection(Qt.LayoutDirection.RightToLeft)
            option.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignAbsolute)
        else:
            option.setTextDirection(Qt.LayoutDirection.LeftToRight)
        text = StyledText(paragraph.spans, look, paragraph.level)
        text.lay_out(width - indent, option)
        return _Placed(
            paragraph, text, 0.0 if paragraph.right_to_left else float(indent), y, float(width - indent), gap
        )

    def _mark_changed(self, old: _Placed | None, new: _Placed) -> None:
        """Paint again what differs: of a paragraph that only grew, its last lines."""
        top = new.y - new.gap
        if (
            old is not None
            and new.text.text.startswith(old.text.text)
            and old.paragraph.spans[:-1] == new.paragraph.spans[: max(0, len(old.paragraph.spans) - 1)]
        ):
            top = old.y + old.text.last_line_top() - old.text.line_distance
        self.mark_dirty(QRect(0, math.floor(top), self._width + 8, 1 << 24))

    def natural_width(self) -> int:
        """The longest line with its indent."""
        return (
            math.ceil(max((item.text.natural_width + self._width - item.width for item in self._placed), default=0)) + 1
        )

    # --- painting ----------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the paragraphs that are to be painted."""
        if self.look is None or self.piece is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        exposed = event.rect()
        starts = self._text_starts() if self.selected is not None else []
        for number, item in enumerate(self._placed):
            if item.bottom + 4 < exposed.top() or item.y - item.gap > exposed.bottom():
                continue
            if item.paragraph.quote:
                self._draw_quote_bars(painter, number)
            if item.paragraph.marker:
                self._draw_marker(painter, item)
            item.text.draw(painter, item.x, item.y, self._selected_in(item, starts[number]) if starts else None)
        painter.end()

    def _selected_in(self, item: _Placed, start: int) -> tuple[int, int] | None:
        assert self.selected is not None
        first = max(0, self.selected[0] - start)
        last = min(len(item.text.text), self.selected[1] - start)
        return (first, last) if first < last else None

    def _draw_quote_bars(self, painter: QPainter, number: int) -> None:
        assert self.look is not None
        item = self._placed[number]
        above = self._placed[number - 1].paragraph.quote if number else 0
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.look.colour("quote_bar"))
        left = self.look.px(INDENT) * (
            item.paragraph.indent if not item.paragraph.marker else item.paragraph.indent - 1
        )
        for quote in range(item.paragraph.quote):
            top = item.y - item.gap if quote < above else item.y
            x = left + quote * self.look.px(QUOTE_INDENT)
            if item.paragraph.right_to_left:
                x = self._width - x - self.look.px(3)
            painter.drawRect(QRectF(x, top, self.look.px(3), item.bottom - top))

    def _draw_marker(self, painter: QPainter, item: _Placed) -> None:
        assert self.look is not None
        look, marker = self.look, item.paragraph.marker
        unit = look.px(100) / 100
        mirrored = item.paragraph.right_to_left
        centre = QPointF(
            item.x + item.width + 14 * unit if mirrored else item.x - 13 * unit,
            item.y + item.text.line_distance / 2 + 0.5,
        )
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.colour("text_muted"))
        if marker == "•":
            painter.drawEllipse(centre, 2.6 * unit, 2.6 * unit)
        elif marker == "◦":
            painter.setPen(QPen(look.colour("text_muted"), 1.1 * unit))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(centre, 2.6 * unit, 2.6 * unit)
        elif marker == "▪":
            painter.drawRect(QRectF(centre.x() - 2.2 * unit, centre.y() - 2.2 * unit, 4.4 * unit, 4.4 * unit))
        elif marker in ("☐", "☑"):
            self._draw_box(painter, centre, unit, marker == "☑")
        else:
            painter.setPen(look.colour("text_muted"))
            painter.setFont(look.fonts["body"])
            width = look.metrics("body").horizontalAdvance(marker)
            x = item.x + item.width + 8 * unit if mirrored else item.x - 8 * unit - width
            painter.drawText(QPointF(x, item.y + item.text.baseline), marker)

    def _draw_box(self, painter: QPainter, centre: QPointF, unit: float, ticked: bool) -> None:
        assert self.look is not None
        painter.setPen(QPen(self.look.colour("text_muted"), 1.3 * unit))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(QRectF(centre.x() - 6 * unit, centre.y() - 6 * unit, 12 * unit, 12 * unit), 3, 3)
        if ticked:
            painter.setPen(QPen(self.look.colour("accent"), 1.8 * unit))
            corners = ((-3, 0), (-1, 2.5), (3.5, -2.5))
            painter.drawPolyline([QPointF(centre.x() + x * unit, centre.y() + y * unit) for x, y in corners])

    # --- what lies where ---------------------------------------------------------------------------

    def _text_starts(self) -> list[int]:
        """Where each paragraph's own text starts in the block's plain text (its marker stands before)."""
        if self._starts is None:
            assert self.piece is not None and isinstance(self.piece.block, TextBlock)
            paragraphs = self.piece.block.paragraphs
            self._starts = [
                len(plain_text((TextBlock(paragraphs[: number + 1]),))) - len(paragraph.text)
                for number, paragraph in enumerate(paragraphs)
            ]
        return self._starts

    def _at(self, point: QPoint) -> tuple[int, _Placed] | None:
        for number, item in enumerate(self._placed):
            if point.y() < item.bottom:
                return number, item
        return (len(self._placed) - 1, self._placed[-1]) if self._placed else None

    def position_at(self, point: QPoint) -> int:
        """The character nearest to a point of the widget."""
        found = self._at(point)
        if found is None:
            return 0
        number, item = found
        return self._text_starts()[number] + item.text.position_at(point.x() - item.x, point.y() - item.y)

    def link_at(self, point: QPoint) -> str:
        """The address of the link at a point, or ""."""
        found = self._at(point)
        return found[1].text.link_at(point.x() - found[1].x, point.y() - found[1].y) if found is not None else ""
