"""Where a piece goes in the column, how wide it may be and how tall it is there."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF

from llamadesk.core.markdown import CodeBlock, TableBlock, TextBlock
from llamadesk.ui.transcript.blocks.base import BlockWidget
from llamadesk.ui.transcript.blocks.chrome import FootWidget, HeadWidget
from llamadesk.ui.transcript.blocks.folds import MemoryWidget, ThoughtWidget
from llamadesk.ui.transcript.blocks.text import INDENT, QUOTE_INDENT, paragraph_space
from llamadesk.ui.transcript.document import MessageDocument
from llamadesk.ui.transcript.documents import Documents
from llamadesk.ui.transcript.look import Column, Look
from llamadesk.ui.transcript.pieces import Kind, Piece, is_aside

_BUBBLE_SHARE = 0.76  # of the column
_BUBBLE_SHARE_NARROW = 0.9
_BUBBLE_SIDE, _BUBBLE_PAD = 18, 12  # pixels at 100 %
_FOOT_BELOW = 18  # pixels at 100 %: the distance of messages


@dataclass(slots=True, eq=False)
class Item:
    """A realised piece.

    Attributes:
        y: of its top, in the band's coordinates. space: how much of `piece.height` lies above its widget.
        x, width, content_height: the widget's.
    """

    row: int
    piece: Piece
    widget: BlockWidget
    y: int = 0
    space: int = 0
    x: int = 0
    width: int = 0
    content_height: int = 0

    @property
    def bottom(self) -> int:
        """Where the next piece begins."""
        return self.y + (self.piece.height or 0)


class Fitter:
    """Lays out realised pieces for one look and one column."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._look: Look | None = None
        self._column = Column(0, 0, 0)

    @property
    def look(self) -> Look:
        """The look to lay out by."""
        assert self._look is not None, "set_look comes first"
        return self._look

    def set_look(self, look: Look, column: Column) -> None:
        """Another theme, text size or width; what was laid out is to be fitted again."""
        self._look, self._column = look, column

    def fit(self, item: Item) -> None:
        """Lay out a piece in its widget; its height is exact afterwards."""
        column, piece = self._column, item.piece
        document = self._documents.get(item.row)
        # The line where the memory begins, and the summary, are of the messages above and of none of them.
        of_message = piece.index >= document.n_memory
        look = self.look.variant(faded=of_message and self._documents.is_faded(item.row), quiet=is_aside(piece.key))
        self._fill(item, document)
        item.space = look.px(_space_above(document, piece))
        ends = piece.kind is Kind.FOOT or piece.index == document.n_memory - 1
        below = look.px(_FOOT_BELOW) if ends else 0
        if document.from_person and of_message:
            self._fit_in_bubble(item, document, look)
        else:
            indent = 0
            if isinstance(piece.block, CodeBlock | TableBlock):
                indent = look.px(INDENT) * piece.block.indent + look.px(QUOTE_INDENT) * piece.block.quote
            gutter = 0 if piece.kind is Kind.HEAD else column.gutter
            indent = min(indent, (column.width - gutter) // 2)
            item.x, item.width = column.x + gutter + indent, column.width - gutter - indent
            item.content_height = item.widget.show_piece(piece, item.width, look)
        piece.height = item.space + item.content_height + below

    def _fill(self, item: Item, document: MessageDocument) -> None:
        """Tell the widgets around the text what they are to say."""
        widget = item.widget
        if isinstance(widget, FootWidget):
            continuable = self._documents.continuable == document.message.id
            widget.set_message(document.message, has_text=bool(document.text), continuable=continuable)
            widget.set_last(item.row == len(self._documents) - 1)
        elif isinstance(widget, HeadWidget):
            widget.set_speaker(document.speaker)
        elif isinstance(widget, ThoughtWidget):
            widget.set_thought(document.thought_words, unfolded=document.is_open(Kind.THOUGHT))
        elif isinstance(widget, MemoryWidget):
            exists = bool(self._documents.memory.summary)
            widget.set_summary(exists=exists, unfolded=document.is_open(Kind.MEMORY))

    def _fit_in_bubble(self, item: Item, document: MessageDocument, look: Look) -> None:
        column = self._column
        right = column.x + column.width
        if item.piece.kind is Kind.FOOT:
            item.x, item.width = column.x, column.width
            item.content_height = item.widget.show_piece(item.piece, item.width, look)
            return
        share = _BUBBLE_SHARE if column.gutter else _BUBBLE_SHARE_NARROW
        widest = int(column.width * share) - 2 * look.px(_BUBBLE_SIDE)
        item.width = widest
        item.content_height = item.widget.show_piece(item.piece, widest, look)
        if len(document.body) == 1:
            item.width = min(widest, max(look.px(12), item.widget.natural_width()))
            if item.width < widest:
                item.content_height = item.widget.show_piece(item.piece, item.width, look)
        item.x = right - look.px(_BUBBLE_SIDE) - item.width

    def bubble(self, items: list[Item], top: int) -> QRectF:
        """Where a message's bubble is, `top` being 0; beyond `items` where more follows. Null for a reply."""
        document = self._documents.get(items[0].row)
        body = [item for item in items if item.piece.index >= document.n_lead and item.piece.kind is not Kind.FOOT]
        if not document.from_person or not body:
            return QRectF()
        side, beyond = self.look.px(_BUBBLE_SIDE), 100
        upper = body[0].y - top if body[0].piece.index == document.n_lead else -beyond
        lower = body[-1].bottom - top + self.look.px(_BUBBLE_PAD)
        if items[-1].piece.kind is not Kind.FOOT:
            lower += beyond
        left, right = min(item.x for item in body) - side, max(item.x + item.width for item in body) + side
        return QRectF(left, upper, right - left, lower - upper)


def _space_above(document: MessageDocument, piece: Piece) -> int:
    """Pixels at 100 % between a piece and the one above it."""
    if piece.kind in (Kind.MEMORY, Kind.HEAD):
        return 0
    if piece.kind is Kind.THOUGHT or is_aside(piece.key):
        return 4
    if piece.kind is Kind.FOOT:
        return _BUBBLE_PAD + 4 if document.from_person else 6
    first = piece.index == document.n_lead
    if document.from_person and first:
        return _BUBBLE_PAD
    if isinstance(piece.block, TextBlock) and piece.block.paragraphs:
        paragraph = piece.block.paragraphs[0]
        if first:
            return 14 if is_aside(document.pieces[piece.index - 1].key) else 8
        space = paragraph_space(None, paragraph)
        return space if document.pieces[piece.index - 1].kind is Kind.TEXT else max(12, space)
    if isinstance(piece.block, TableBlock) and piece.block.continues:
        return 8
    return 10 if first else 14
