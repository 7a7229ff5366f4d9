"""What all widgets of a message have in common."""

from __future__ import annotations

from enum import Enum, auto

from PySide6.QtCore import QPoint, QRect, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QLabel, QWidget

from llamadesk.ui.transcript.look import Look
from llamadesk.ui.transcript.pieces import Piece

_ALL = QRect(0, 0, 1 << 24, 1 << 24)
NAME_LENGTH = 20_000
"""Characters of a piece that a screen reader is given."""


class Act(Enum):
    """What a button of a message asks for."""

    COPY = auto()
    PIN = auto()  # or to unpin it
    CONTINUE = auto()
    FOLD = auto()  # or to unfold
    EDIT_SUMMARY = auto()


class BlockWidget(QLabel):
    """Shows one piece. A QLabel, because that is what screen readers expect text in; it paints itself.

    Positions are characters of `piece.block.plain_text`. The transcript owns mouse and keyboard: a block only says what
    lies where.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)  # growing repaints only what is new
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setMouseTracking(True)
        self.look: Look | None = None
        self.piece: Piece | None = None
        self.selected: tuple[int, int] | None = None
        self._dirty = QRect()

    def show_piece(self, piece: Piece, width: int, look: Look) -> int:
        """Lay out `piece` in `width` pixels; returns the height. The same piece again means that it changed."""
        if piece is not self.piece or look is not self.look:
            self.selected = None
            self._dirty = _ALL
        self.piece, self.look = piece, look
        height = self.lay_out(width)
        if piece.block is not None:
            self.setAccessibleName(piece.block.plain_text[:NAME_LENGTH])
        return height

    def forget(self) -> None:
        """Hold nothing of the piece any more: the widget goes to the pool."""
        self.piece = None
        self.selected = None
        self.unsetCursor()
        self.setToolTip("")

    def mark_dirty(self, rect: QRect) -> None:
        """`rect` has to be painted again, once the widget is in its new place."""
        self._dirty = self._dirty.united(rect)

    def repaint_dirty(self) -> None:
        """Ask for the painting of what changed. Only after all moves: Qt does not blit what is dirty."""
        if not self._dirty.isNull():
            self.update(self._dirty)
            self._dirty = QRect()

    def select(self, selected: tuple[int, int] | None) -> None:
        """Show a range of characters as selected."""
        if selected is not None and selected[0] >= selected[1]:
            selected = None
        if selected != self.selected:
            self.selected = selected
            self.update()

    def natural_width(self) -> int:
        """Pixels that the piece needs, at most the width it was laid out in."""
        return self.width()

    def lay_out(self, width: int) -> int:
        """Lay out `self.piece` by `self.look`; returns the height in pixels."""
        raise NotImplementedError

    def position_at(self, point: QPoint) -> int:
        """The character nearest to a point of the widget."""
        raise NotImplementedError

    def link_at(self, _point: QPoint) -> str:
        """The address of the link at a point, or ""."""
        return ""

    def text_at(self, _point: QPoint) -> bool:
        """Whether there is text to select at a point."""
        return True

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show what a click would do here; the transcript does the rest."""
        point = event.position().toPoint()
        link = self.link_at(point)
        if link:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        elif self.text_at(point):
            self.setCursor(Qt.CursorShape.IBeamCursor)
        else:
            self.unsetCursor()
        shown = link.replace("<", "%3C")  # what looks like HTML would be read as such, and load what it names
        if shown != self.toolTip():
            self.setToolTip(shown)
        event.ignore()


class ActingWidget(BlockWidget):
    """A piece with buttons and no text of the message."""

    asked = Signal(object)
    """An Act."""

    def position_at(self, _point: QPoint) -> int:
        """It holds no text of the message."""
        return 0

    def text_at(self, _point: QPoint) -> bool:
        """None to select."""
        return False
