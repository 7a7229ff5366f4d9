"""Tables: as wide as the column where they fit, otherwise wrapped, and at last scrolled sideways."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen, QTextOption
from PySide6.QtWidgets import QWidget

from llamadesk.core.markdown import Alignment, TableBlock
from llamadesk.ui.transcript.blocks.lines import StyledText
from llamadesk.ui.transcript.blocks.scrolling import SidewaysBlock
from llamadesk.ui.transcript.look import THICKNESS, Look

_SIDE, _PAD = 12, 6  # pixels at 100 %
_MAX_COLUMN, _MIN_COLUMN = 340, 120

_ALIGNMENTS = {
    Alignment.LEFT: Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignAbsolute,
    Alignment.CENTER: Qt.AlignmentFlag.AlignHCenter,
    Alignment.RIGHT: Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignAbsolute,
    Alignment.NONE: Qt.AlignmentFlag.AlignLeft,
}


@dataclass(slots=True)
class _Cell:
    text: StyledText
    start: int  # in the plain text of the block; -1 for a repeated header, which is no part of it


class TableWidget(SidewaysBlock):
    """A TableBlock."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._rows: list[list[_Cell]] = []
        self._tops: list[int] = []
        self._lefts: list[int] = []
        self._known: tuple[TableBlock, Look] | None = None
        self._table_height = 0

    def forget(self) -> None:
        """Hold nothing of the piece any more."""
        super().forget()
        self._rows, self._tops, self._lefts, self._known = [], [], [], None

    def lay_out(self, width: int) -> int:
        """Columns as wide as their widest cell, stretched or narrowed to the width."""
        assert self.look is not None and self.piece is not None and isinstance(self.piece.block, TableBlock)
        look, block = self.look, self.piece.block
        if self._known is None or self._known[0] is not block or self._known[1] is not look:
            self._read(block, look)
            self._known = block, look
        widths = self._column_widths(width, block, look)
        self._lefts = [0]
        for column in widths:
            self._lefts.append(self._lefts[-1] + column)
        self._tops = [0]
        for row in self._rows:
            tallest = 0.0
            for number, cell in enumerate(row):
                cell.text.lay_out(widths[number] - 2 * look.px(_SIDE), _option(block, number))
                tallest = max(tallest, cell.text.height)
            self._tops.append(self._tops[-1] + math.ceil(tallest) + 2 * look.px(_PAD))
        self._table_height = self._tops[-1] + 1
        self.mark_dirty(QRect(0, 0, 1 << 24, 1 << 24))
        if self.set_extent(self._lefts[-1] + 1, width):
            self.place_bar(QRect(0, self._table_height + 1, width, THICKNESS))
            return self._table_height + THICKNESS
        return self._table_height

    def _read(self, block: TableBlock, look: Look) -> None:
        self._rows = []
        position = 0
        for number, row in enumerate((block.header, *block.rows)):
            cells: list[_Cell] = []
            for spans in row:
                text = StyledText(spans, look, bold=number == 0)
                counts = number > 0 or not block.continues
                cells.append(_Cell(text, position if counts else -1))
                if counts:
                    position += len(text.text) + 1
            self._rows.append(cells)

    def _column_widths(self, width: int, block: TableBlock, look: Look) -> list[int]:
        count = len(block.header)
        side = 2 * look.px(_SIDE)
        natural = [0.0] * count
        for row in self._rows:
            for number, cell in enumerate(row):
                cell.text.lay_out(1e6, _option(block, number, measuring=True))
                natural[number] = max(natural[number], cell.text.natural_width)
        widths = [min(math.ceil(value) + 2, look.px(_MAX_COLUMN)) + side for value in natural]
        spare = width - 1 - sum(widths)
        if spare >= 0:
            total = sum(widths)
            widths = [column + spare * column // total for column in widths]
            widths[-1] += width - 1 - sum(widths)
        else:
            least = look.px(_MIN_COLUMN) + side
            if spare + sum(max(0, column - least) for column in widths) < 0:
                return widths  # it has to scroll anyway: nothing is gained by narrow columns
            for number in sorted(range(count), key=lambda n: -widths[n]):
                taken = min(-spare, max(0, widths[number] - least))
                widths[number] -= taken
                spare += taken
        return widths

    def natural_width(self) -> int:
        """All it was given."""
        return self.width()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The frame, lines between the rows, and the cells that are to be painted."""
        if self.look is None or self.piece is None:
            return
        look, exposed = self.look, event.rect()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(0.5, 0.5, self.width() - 1, self._table_height - 1)
        outline = QPainterPath()
        outline.addRoundedRect(frame, look.px(8), look.px(8))
        painter.save()
        painter.setClipRect(QRectF(0, 0, self.width(), self._tops[1]))
        painter.fillPath(outline, look.colour("code_header"))
        painter.restore()
        painter.setPen(QPen(look.colour("border"), 1))
        painter.drawPath(outline)
        for top in self._tops[1:-1]:
            painter.drawLine(1, top, self.width() - 2, top)
        painter.setClipRect(QRectF(1, 1, self.width() - 2, self._table_height - 2))
        for number, row in enumerate(self._rows):
            if self._tops[number + 1] >= exposed.top() and self._tops[number] <= exposed.bottom():
                self._draw_row(painter, number, row)
        painter.end()

    def _draw_row(self, painter: QPainter, number: int, row: list[_Cell]) -> None:
        assert self.look is not None
        y = self._tops[number] + self.look.px(_PAD)
        for column, cell in enumerate(row):
            x = self._lefts[column] - self.offset
            if x < self.width() and self._lefts[column + 1] - self.offset > 0:
                cell.text.draw(painter, x + self.look.px(_SIDE), y, self._selected_in(cell))

    def _selected_in(self, cell: _Cell) -> tuple[int, int] | None:
        if self.selected is None or cell.start < 0:
            return None
        first = max(0, self.selected[0] - cell.start)
        last = min(len(cell.text.text), self.selected[1] - cell.start)
        return (first, last) if first < last else None

    def _cell_at(self, point: QPoint) -> tuple[_Cell, float, float] | None:
        if not self._rows or not self._rows[0]:
            return None
        assert self.look is not None
        x = point.x() + self.offset
        row = next((n for n in range(len(self._rows)) if point.y() < self._tops[n + 1]), len(self._rows) - 1)
        column = next((n for n in range(len(self._rows[row])) if x < self._lefts[n + 1]), len(self._rows[row]) - 1)
        return (
            self._rows[row][column],
            x - self._lefts[column] - self.look.px(_SIDE),
            point.y() - self._tops[row] - self.look.px(_PAD),
        )

    def position_at(self, point: QPoint) -> int:
        """The character nearest to a point of the widget."""
        found = self._cell_at(point)
        if found is None:
            return 0
        cell, x, y = found
        return max(0, cell.start) + (cell.text.position_at(x, y) if cell.start >= 0 else 0)

    def link_at(self, point: QPoint) -> str:
        """The address of the link at a point, or ""."""
        found = self._cell_at(point)
        return found[0].text.link_at(found[1], found[2]) if found is not None else ""


def _option(block: TableBlock, column: int, *, measuring: bool = False) -> QTextOption:
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.NoWrap if measuring else QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    if not measuring:
        option.setAlignment(_ALIGNMENTS[block.alignments[column]])
    return option
