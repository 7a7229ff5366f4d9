"""Code: a head with the language and Copy, coloured lines that do not wrap."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import NamedTuple

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import (
    QGuiApplication,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QTextCharFormat,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import QWidget

from llamadesk.core.highlight import Highlighter, Kind, language_label, utf16_runs
from llamadesk.core.markdown import CodeBlock
from llamadesk.ui.transcript.blocks.buttons import QuietButton
from llamadesk.ui.transcript.blocks.lines import format_range, from_utf16, utf16
from llamadesk.ui.transcript.blocks.scrolling import SidewaysBlock
from llamadesk.ui.transcript.look import THICKNESS, Look

ROW_LENGTH = 1_000
"""Characters after which a line goes on in the next row: Qt lays out longer ones slowly."""
_HEAD, _PAD, _SIDE = 36, 11, 16  # pixels at 100 %

_COLOURS = {
    Kind.KEYWORD: "syntax_keyword",
    Kind.FUNCTION: "syntax_function",
    Kind.TYPE: "syntax_type",
    Kind.STRING: "syntax_string",
    Kind.NUMBER: "syntax_number",
    Kind.COMMENT: "syntax_comment",
    Kind.OPERATOR: "text_muted",
    Kind.INSERTED: "syntax_string",
    Kind.DELETED: "error",
}


class _Row(NamedTuple):
    line: int
    start: int  # in the code
    text: str
    whole: bool  # it is its line; only then has it colours


class CodeWidget(SidewaysBlock):
    """A CodeBlock. Only the rows that are painted are laid out, so its length costs nothing."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._copy = QuietButton("Copy code", "copy", self, label="Copy")
        self._copy.clicked.connect(self._copy_code)
        self._rows: list[_Row] = []
        self._code = ""
        self._widest = 0.0
        self._highlighter: Highlighter | None = None
        self._layouts: dict[int, QTextLayout] = {}
        self._formats: dict[Kind, QTextCharFormat] = {}
        self._laid_out_by: Look | None = None

    def forget(self) -> None:
        """Hold nothing of the piece any more."""
        super().forget()
        self._rows, self._code, self._widest, self._highlighter = [], "", 0.0, None
        self._layouts.clear()

    @property
    def _block(self) -> CodeBlock:
        assert self.piece is not None and isinstance(self.piece.block, CodeBlock)
        return self.piece.block

    def lay_out(self, width: int) -> int:
        """Take the code; of code that grew, only the new lines."""
        assert self.look is not None and self.piece is not None
        look, block = self.look, self._block
        kept = self.piece.kept
        if not isinstance(kept, _Colours) or kept.language != block.language:
            kept = self.piece.kept = _Colours(block.language)
        if look is not self._laid_out_by:
            self._formats = {kind: _format(look, name) for kind, name in _COLOURS.items()}
            self._layouts.clear()
            self._rows, self._code, self._widest = [], "", 0.0
            self._laid_out_by = look
            self._copy.set_look(look)
        self._highlighter = kept.highlighter
        first = kept.take(block.text)
        self._split(block.text, first)
        self._copy.move(width - self._copy.width() - look.px(8), (look.px(_HEAD) - self._copy.height()) // 2)
        height = self._body_top + len(self._rows) * self._line + look.px(_PAD)
        bar = self.set_extent(math.ceil(self._widest), width - 2 * look.px(_SIDE))
        if bar:
            self.place_bar(QRect(look.px(_SIDE), height - look.px(4), width - 2 * look.px(_SIDE), THICKNESS))
            height += look.px(10)
        return height

    @property
    def _line(self) -> int:
        assert self.look is not None
        return int(self.look.line_height("mono"))

    @property
    def _body_top(self) -> int:
        assert self.look is not None
        return self.look.px(_HEAD) + self.look.px(_PAD)

    def _split(self, code: str, first_changed: int) -> None:
        """Rows of the code; the lines before the last one of the code so far stay."""
        assert self.look is not None
        old = self._rows
        if old and code.startswith(self._code) and code != self._code:
            line = old[-1].line
            keep = next(number for number in range(len(old) - 1, -1, -1) if number == 0 or old[number - 1].line != line)
            self._rows = old[:keep]
            start = old[keep].start
        elif old and code == self._code:
            return
        else:
            self._rows, start, line, keep = [], 0, 0, 0
            self._widest = 0.0
            self._layouts.clear()
        advance = self.look.metrics("mono").horizontalAdvance("0")
        for text in code[start:].split("\n"):
            for offset in range(0, max(1, len(text)), ROW_LENGTH):
                row = _Row(line, start + offset, text[offset : offset + ROW_LENGTH], len(text) <= ROW_LENGTH)
                self._widest = max(self._widest, self._row_width(row.text, advance))
                self._rows.append(row)
            start += len(text) + 1
            line += 1
        self._code = code
        for number in [n for n in self._layouts if n >= keep or self._rows[n].line >= first_changed]:
            del self._layouts[number]
        self.mark_dirty(QRect(0, self._body_top + keep * self._line, 1 << 24, 1 << 24))

    def _row_width(self, text: str, advance: float) -> float:
        assert self.look is not None
        if text.isascii() and "\t" not in text:
            return len(text) * advance
        return self.look.metrics("mono").horizontalAdvance(text.replace("\t", "    "))

    def _layout(self, number: int) -> QTextLayout:
        """The laid-out row, made at its first painting."""
        found = self._layouts.get(number)
        if found is not None:
            return found
        assert self.look is not None and self._highlighter is not None
        row = self._rows[number]
        layout = QTextLayout(row.text, self.look.fonts["mono"])
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.NoWrap)
        option.setTextDirection(Qt.LayoutDirection.LeftToRight)
        option.setTabStopDistance(4 * self.look.metrics("mono").horizontalAdvance("0"))
        layout.setTextOption(option)
        layout.setCacheEnabled(True)
        if row.whole:
            runs = utf16_runs(row.text, self._highlighter.runs(row.line))
            layout.setFormats([format_range(run.start, run.length, self._formats[run.kind]) for run in runs])
        layout.beginLayout()
        line = layout.createLine()
        line.setLineWidth(1e6)
        line.setPosition(QPointF(0, self.look.baseline("mono") - line.ascent()))
        layout.endLayout()
        if len(self._layouts) > 600:
            self._layouts.clear()
        self._layouts[number] = layout
        return layout

    # --- painting ----------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """The frame, the head and the rows that are to be painted."""
        if self.look is None or self.piece is None:
            return
        look, exposed = self.look, event.rect()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        outline = QPainterPath()
        outline.addRoundedRect(frame, look.px(10), look.px(10))
        painter.fillPath(outline, look.colour("code_background"))
        head = look.px(_HEAD)
        if exposed.top() <= head:
            self._draw_head(painter, outline, head)
        painter.setPen(QPen(look.colour("border"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(outline)
        side = look.px(_SIDE)
        painter.setClipRect(QRectF(side - 2, head, self.width() - 2 * side + 4, self.height() - head))
        first = max(0, (exposed.top() - self._body_top) // self._line)
        last = min(len(self._rows), (exposed.bottom() - self._body_top) // self._line + 1)
        for number in range(first, last):
            painter.setPen(look.colour("code_text"))
            y = self._body_top + number * self._line
            self._layout(number).draw(painter, QPointF(side - self.offset, y), self._selected_in(self._rows[number]))
        painter.end()

    def _draw_head(self, painter: QPainter, outline: QPainterPath, height: int) -> None:
        assert self.look is not None
        look = self.look
        painter.save()
        painter.setClipRect(QRectF(0, 0, self.width(), height))
        painter.fillPath(outline, look.colour("code_header"))
        painter.setPen(look.colour("text_muted"))
        painter.setFont(look.fonts["small"])
        painter.drawText(
            QRectF(look.px(_SIDE), 0, self._copy.x() - look.px(_SIDE), height),
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft,
            language_label(self._block.language) or "code",
        )
        painter.restore()
        painter.setPen(QPen(look.colour("border"), 1))
        painter.drawLine(QPointF(0, height - 0.5), QPointF(self.width(), height - 0.5))

    def _selected_in(self, row: _Row) -> list[QTextLayout.FormatRange]:
        if self.selected is None or self.look is None:
            return []
        first, last = max(0, self.selected[0] - row.start), min(len(row.text), self.selected[1] - row.start)
        if first >= last:
            return []
        ground = QTextCharFormat()
        ground.setBackground(self.look.colour("selection"))
        begin = utf16(row.text, first)
        return [format_range(begin, utf16(row.text, last) - begin, ground)]

    # --- what lies where ---------------------------------------------------------------------------

    def position_at(self, point: QPoint) -> int:
        """The character nearest to a point of the widget; the head is the start of the code."""
        assert self.look is not None
        if not self._rows or point.y() < self._body_top:
            return 0
        number = (point.y() - self._body_top) // self._line
        if number >= len(self._rows):
            return len(self._code)
        row = self._rows[number]
        x = point.x() - self.look.px(_SIDE) + self.offset
        return row.start + from_utf16(row.text, self._layout(number).lineAt(0).xToCursor(x))

    def text_at(self, point: QPoint) -> bool:
        """Below the head."""
        return self.look is not None and point.y() > self.look.px(_HEAD)

    def reveal_position(self, position: int) -> None:
        """Scroll sideways to a character."""
        number = bisect_right(self._rows, position, key=lambda row: row.start) - 1
        if 0 <= number < len(self._rows) and self.look is not None:
            x = round((position - self._rows[number].start) * self.look.metrics("mono").horizontalAdvance("0"))
            self.reveal(x - 20, x + 20)

    def _copy_code(self) -> None:
        if self.piece is not None:
            QGuiApplication.clipboard().setText(self._block.text)
            self._copy.show_done()


class _Colours:
    """The highlighter of one piece of code; kept with the piece, so that its lines are read once."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.highlighter = Highlighter(language)
        self._text: str | None = None

    def take(self, text: str) -> int:
        """The first line that may look different from before."""
        if text == self._text:
            return self.highlighter.n_lines
        self._text = text
        return self.highlighter.update(text)


def _format(look: Look, colour: str) -> QTextCharFormat:
    result = QTextCharFormat()
    result.setForeground(look.colour(colour))
    return result
