"""Styled text laid out and painted with QTextLayout. Nothing here reads rich text, so nothing is ever fetched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QTextCharFormat, QTextLayout, QTextLine, QTextOption

from llamadesk.core.markdown import Span, Style
from llamadesk.ui.transcript.look import Look

LINE_BREAK = "\u2028"


def utf16(text: str, position: int) -> int:
    """A position in a Python text as Qt counts it."""
    if text.isascii():
        return position
    return position + sum(1 for character in text[:position] if character > "\uffff")


def from_utf16(text: str, position: int) -> int:
    """A position as Qt counts it, in the Python text."""
    if text.isascii():
        return min(position, len(text))
    units = 0
    for index, character in enumerate(text):
        if units >= position:
            return index
        units += 2 if character > "\uffff" else 1
    return len(text)


def format_range(start: int, length: int, char_format: QTextCharFormat) -> QTextLayout.FormatRange:
    """One range of one look, in Qt's positions."""
    result = QTextLayout.FormatRange()
    result.start = start
    result.length = length
    result.format = char_format
    return result


class StyledText:
    """One paragraph, cell or heading that is laid out to a width; its lines keep one distance whatever faces they mix.

    Attributes:
        text: the characters, "\\n" where a line is broken on purpose.
        height: in pixels. natural_width: of its longest line.
    """

    def __init__(self, spans: Sequence[Span], look: Look, level: int = 0, *, bold: bool = False) -> None:
        self._look = look
        self._role = look.role_of_level(level)
        self.text = "".join(span.text for span in spans)
        self.height = 0.0
        self.natural_width = 0.0
        self._ascii = self.text.isascii()
        self._codes: list[tuple[int, int]] = []
        self._links: list[tuple[int, int, str]] = []
        formats: list[QTextLayout.FormatRange] = []
        position = 0
        for span in spans:
            length = len(span.text) if self._ascii else utf16(span.text, len(span.text))
            style = span.style | Style.BOLD if bold else span.style
            if style is not Style.NONE or span.href:
                formats.append(
                    format_range(position, length, look.char_format(style, link=bool(span.href), level=level))
                )
            if span.style & Style.CODE and length:
                self._codes.append((position, position + length))
            if span.href:
                self._links.append((position, position + length, span.href))
            position += length
        formats += self._room_beside_code(look, level)
        self._layout = QTextLayout(self.text.replace("\n", LINE_BREAK), look.fonts[self._role])
        self._layout.setCacheEnabled(True)
        self._layout.setFormats(formats)

    def _room_beside_code(self, look: Look, level: int) -> list[QTextLayout.FormatRange]:
        """Wider spaces before and after inline code, so that its ground does not touch the words beside it."""
        if not self._codes:
            return []
        units = self.text.encode("utf-16-le", "replace")
        places = {place for start, end in self._codes for place in (start - 1, end) if place >= 0}
        wide = look.wide_space(level)
        return [format_range(place, 1, wide) for place in sorted(places) if units[2 * place : 2 * place + 2] == b" \0"]

    def lay_out(self, width: float, option: QTextOption) -> None:
        """Break it into lines of at most `width` pixels."""
        layout = self._layout
        layout.setTextOption(option)
        distance = self._look.line_height(self._role)
        baseline = self._look.baseline(self._role)
        y = 0.0
        natural = 0.0
        layout.beginLayout()
        line = layout.createLine()
        while line.isValid():
            line.setLineWidth(width)
            line.setPosition(QPointF(0, y + baseline - line.ascent()))
            natural = max(natural, line.naturalTextWidth())
            y += distance
            line = layout.createLine()
        layout.endLayout()
        self.height = max(y, distance)
        self.natural_width = natural

    @property
    def line_distance(self) -> float:
        """From one line to the next."""
        return self._look.line_height(self._role)

    @property
    def baseline(self) -> float:
        """Of the first line, from the top."""
        return self._look.baseline(self._role)

    def draw(self, painter: QPainter, x: float, y: float, selected: tuple[int, int] | None = None) -> None:
        """Paint it with its top left at (x, y); `selected` is a range of characters."""
        for start, end in self._codes:
            self._draw_code_ground(painter, x, y, start, end)
        ranges: list[QTextLayout.FormatRange] = []
        if selected is not None:
            start, end = (utf16(self.text, position) for position in selected)
            ground = QTextCharFormat()
            ground.setBackground(self._look.colour("selection"))
            ranges.append(format_range(start, end - start, ground))
        painter.setPen(self._look.colour("text"))
        self._layout.draw(painter, QPointF(x, y), ranges)

    def _draw_code_ground(self, painter: QPainter, x: float, y: float, start: int, end: int) -> None:
        """The rounded rectangle behind inline code, one for each line it runs over, from the layout's own positions."""
        distance, pad = self._look.line_height(self._role), self._look.px(3)
        height = distance - self._look.px(4)
        for rect in self.range_rects(start, end):
            ground = QRectF(
                x + rect.left() - pad, y + rect.top() + (distance - height) / 2, rect.width() + 2 * pad, height
            )
            painter.setBrush(self._look.colour("bubble"))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawRoundedRect(ground, 4, 4)

    def range_rects(self, start: int, end: int) -> Iterable[QRectF]:
        """Where Qt's positions `start` to `end` lie, one rectangle for each line."""
        layout = self._layout
        first, last = layout.lineForTextPosition(start), layout.lineForTextPosition(max(start, end - 1))
        if not first.isValid() or not last.isValid():
            return
        distance = self.line_distance
        for number in range(first.lineNumber(), last.lineNumber() + 1):
            line = layout.lineAt(number)
            line_end = line.textStart() + line.textLength()
            left = _x_at(line, max(start, line.textStart()))
            right = _x_at(line, min(end, line_end))
            yield QRectF(min(left, right), number * distance, abs(right - left), distance)

    def position_at(self, x: float, y: float) -> int:
        """The character nearest to a point."""
        count = self._layout.lineCount()
        if not count:
            return 0
        line = self._layout.lineAt(min(count - 1, max(0, int(y // self.line_distance))))
        return from_utf16(self.text, line.xToCursor(x))

    def link_at(self, x: float, y: float) -> str:
        """The address of the link at a point, or ""."""
        for start, end, href in self._links:
            if any(rect.contains(x, y) for rect in self.range_rects(start, end)):
                return href
        return ""

    def last_line_top(self) -> float:
        """Where the last line begins: text that is added changes nothing above it but by wrapping it."""
        return max(0.0, self.height - self.line_distance)


def _x_at(line: QTextLine, position: int) -> float:
    """Where a position lies in its line."""
    return cast(tuple[float, int], line.cursorToX(position))[0]
