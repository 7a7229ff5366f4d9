"""What stands above a message and is not its own text: a thought, a summary. No Qt in here."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

from llamadesk.core.chat import Message, Status
from llamadesk.core.markdown import Block, CodeBlock, TextBlock
from llamadesk.ui.transcript.chunks import cut
from llamadesk.ui.transcript.pieces import KINDS, NO_EDIT, Edit, Piece, plain_blocks


class Aside:
    """A text that shows only while it is unfolded, and may grow meanwhile. Only its last chunk is parsed again then."""

    def __init__(self, head: Piece, chunk: int) -> None:
        """`head` is the line that is always there; `chunk` is the first part of the keys of the text's pieces."""
        self.head = head
        self.open = False
        self._chunk = chunk
        self._text = ""
        self._pieces: list[Piece] = []
        self._settled = 0  # characters whose pieces stay as they are
        self._n_settled = 0  # those pieces

    @property
    def text(self) -> str:
        """The whole text, shown or not."""
        return self._text

    @property
    def pieces(self) -> list[Piece]:
        """The line, and the text where it is unfolded."""
        return [self.head, *self._pieces]

    def set_open(self, open_: bool) -> Edit:
        """Unfold or fold it."""
        if open_ == self.open:
            return NO_EDIT
        self.open = open_
        self._forget_pieces()
        return Edit((self.head,), True) + self._read()

    def set_text(self, text: str) -> Edit:
        """The text is this now."""
        if text == self._text:
            return NO_EDIT
        if not text.startswith(self._text):
            self._forget_pieces()
        self._text = text
        return self._read()

    def append(self, text: str) -> Edit:
        """Text was added at the end."""
        return self.set_text(self._text + text)

    def _forget_pieces(self) -> None:
        self._pieces = []
        self._settled = self._n_settled = 0

    def _read(self) -> Edit:
        """Bring the pieces behind the settled ones up to date."""
        old, base = self._pieces, self._settled
        rest = self._text[base:] if self.open else ""
        pieces = old[: self._n_settled] if self.open else []
        changed: list[Piece] = []
        starts = cut(rest, markdown=False) if rest else []
        for start, end in pairwise((*starts, len(rest))):
            self._settled, self._n_settled = base + start, len(pieces)
            for block in plain_blocks(self._text, base + start, base + end):
                piece = self._piece_for(_set_back(block), len(pieces), old, changed)
                pieces.append(piece)
        structure = pieces != old
        self._pieces = pieces
        return Edit(tuple(changed), structure)

    def _piece_for(self, block: Block, number: int, old: list[Piece], changed: list[Piece]) -> Piece:
        """The piece that was in this place, with what it shows now, or a new one."""
        kind = KINDS[type(block)]
        piece = old[number] if number < len(old) else None
        if piece is None or piece.kind is not kind:
            piece = Piece(kind, (self._chunk, number), block)
        elif piece.block == block:
            return piece
        piece.block = block
        changed.append(piece)
        return piece


def _set_back(block: Block) -> Block:
    """As a quote is, with a bar at its left."""
    if isinstance(block, TextBlock):
        return TextBlock(tuple(dataclasses.replace(paragraph, quote=1) for paragraph in block.paragraphs))
    return dataclasses.replace(block, quote=1) if isinstance(block, CodeBlock) else block


def thought_words(message: Message, *, answered: bool) -> str:
    """What is said of a thought: that it goes on, or how long it took.

    Args:
        message: the reply.
        answered: whether its answer has begun.
    """
    if message.status is Status.STREAMING and not answered:
        return "Thinking..."
    stats = message.stats
    if stats is None or not stats.n_generated or not stats.n_thought:
        return "Thought"
    seconds = round(stats.decode_seconds * stats.n_thought / stats.n_generated)  # each token takes about as long
    if seconds < 60:
        return f"Thought for {max(1, seconds)} s"
    return f"Thought for {seconds // 60} min {seconds % 60} s"
