"""What is selected, across blocks and messages, and its text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from llamadesk.core.markdown import plain_text
from llamadesk.ui.transcript.documents import Documents
from llamadesk.ui.transcript.pieces import START_KEY, Key, Kind, Piece, is_aside

_WORD = re.compile(r"\w+|[^\w\s]|\s+")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the chat: row, piece, character of that piece's plain text."""

    row: int
    key: Key
    offset: int


class Selection:
    """A range of the chat from where a drag began (`anchor`) to where it is (`head`)."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._range: tuple[Position, Position] | None = None
        self.anchor: tuple[Position, Position] | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is selected."""
        return self._range is None or self._range[0] >= self._range[1]

    def clear(self) -> None:
        """Select nothing."""
        self._range = None
        self.anchor = None

    def start(self, first: Position, last: Position | None = None) -> None:
        """A drag begins at `first`, or with what lies between `first` and `last` (a word, a paragraph)."""
        self.anchor = first, last or first
        self._range = self.anchor

    def drag_to(self, first: Position, last: Position | None = None) -> None:
        """The drag has come to `first` (or to the word from `first` to `last`)."""
        if self.anchor is not None:
            self._range = min(self.anchor[0], first), max(self.anchor[1], last or first)

    def select_all(self) -> None:
        """The whole chat."""
        rows = len(self._documents)
        if rows:
            self.start(Position(0, START_KEY, 0), Position(rows, START_KEY, 0))

    def within(self, row: int, piece: Piece) -> tuple[int, int] | None:
        """Which characters of a piece are selected."""
        if self._range is None or piece.block is None:
            return None
        first, last = self._range
        if is_aside(piece.key) and not self._from_aside(row):
            return None
        place = (row, piece.key)
        if place < (first.row, first.key) or place > (last.row, last.key):
            return None
        start = first.offset if place == (first.row, first.key) else 0
        end = last.offset if place == (last.row, last.key) else len(piece.block.plain_text)
        return (start, end) if start < end else None

    def text(self) -> str:
        """The selected text. A message that is selected whole gives what its Copy button gives: what was written."""
        if self._range is None or self.empty:
            return ""
        first, last = self._range
        parts: list[str] = []
        for row in range(first.row, min(last.row, len(self._documents) - 1) + 1):
            whole = first.row < row < last.row
            parts.append(self._documents.source(row) if whole else self._text_of(row))
        return "\n\n".join(part for part in parts if part)

    def _text_of(self, row: int) -> str:
        """The selected part of one message."""
        assert self._range is not None
        document = self._documents.get(row)
        first, last = self._range
        inside = row == first.row, row == last.row
        asides = document.pieces[: document.n_lead] if self._from_aside(row) else []
        parsed = [piece for piece in document.body if self._touches(row, piece)]
        for piece in parsed:
            if piece.kind is Kind.SOURCE:
                document.expand(piece)
        candidates = [*asides, *document.body]
        pieces = [piece for piece in candidates if piece.block is not None and self._touches(row, piece)]
        blocks = [piece.block for piece in pieces if piece.block is not None]
        if not blocks:
            return ""
        text = plain_text(blocks)
        start = first.offset if inside[0] and pieces[0].key == first.key else 0
        end = len(text)
        if inside[1] and pieces[-1].key == last.key:
            end -= len(blocks[-1].plain_text) - last.offset
        if start == 0 and end == len(text) and pieces == document.body:
            return document.text
        return text[start:end].strip("\n")

    def _from_aside(self, row: int) -> bool:
        """Whether the selection begins or ends in a row's thought or summary; else those are no part of it."""
        assert self._range is not None
        return any(place.row == row and is_aside(place.key) for place in self._range)

    def _touches(self, row: int, piece: Piece) -> bool:
        assert self._range is not None
        first, last = self._range
        key = piece.key if piece.kind is not Kind.SOURCE else (piece.key[0], 1 << 60)
        return (row, key) >= (first.row, first.key) and (row, piece.key) <= (last.row, last.key)


def word_around(text: str, offset: int) -> tuple[int, int]:
    """Start and end of the word at a character."""
    for match in _WORD.finditer(text, text.rfind("\n", 0, offset) + 1):
        if match.end() > offset:
            return match.span()
    return len(text), len(text)


def paragraph_around(text: str, offset: int) -> tuple[int, int]:
    """Start and end of the line of text at a character."""
    end = text.find("\n", offset)
    return text.rfind("\n", 0, offset) + 1, len(text) if end < 0 else end
