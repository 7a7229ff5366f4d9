"""A message as a column of pieces: its head, its blocks and its foot. No Qt in here.

A long message starts as chunks of source text, and each chunk becomes blocks when it comes near the screen. A reply
that is being written keeps a LiveDocument for its last chunk, and only the pieces that changed are touched.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import pairwise

import msgspec

from llamadesk.core.chat import Message, Role, Status
from llamadesk.core.markdown import (
    Block,
    CodeBlock,
    LiveDocument,
    RuleBlock,
    TableBlock,
    TextBlock,
    parse,
    parse_plain,
)
from llamadesk.ui.transcript.chunks import cut


class Kind(Enum):
    """What shows a piece."""

    HEAD = auto()
    TEXT = auto()
    CODE = auto()
    TABLE = auto()
    RULE = auto()
    FOOT = auto()
    SOURCE = auto()  # not parsed yet: becomes other pieces before it is shown


_KINDS: dict[type[Block], Kind] = {
    TextBlock: Kind.TEXT,
    CodeBlock: Kind.CODE,
    TableBlock: Kind.TABLE,
    RuleBlock: Kind.RULE,
}

Key = tuple[int, int]
"""Orders the pieces of a message: number of the chunk, number in the chunk. Survives the parsing of other chunks."""

_HEAD_KEY: Key = (-1, 0)
_FOOT_KEY: Key = (1 << 60, 0)


@dataclass(slots=True, eq=False)
class Piece:
    """One piece of a message.

    Attributes:
        kind: what shows it.
        key: its place among the message's pieces.
        block: what it shows, for TEXT, CODE, TABLE and RULE.
        span: start and end in the message's text, for SOURCE.
        height: in pixels with the space above it; None while it was not laid out at the present width.
        index: its number in `MessageDocument.pieces`.
        kept: what its widget wants to find again after it was recycled (the colours of code).
    """

    kind: Kind
    key: Key
    block: Block | None = None
    span: tuple[int, int] = (0, 0)
    height: int | None = None
    index: int = 0
    kept: object = field(default=None, repr=False)

    @property
    def length(self) -> int:
        """About how many characters it shows."""
        if self.kind is Kind.SOURCE:
            return self.span[1] - self.span[0]
        return len(self.block.plain_text) if self.block is not None else 0


@dataclass(frozen=True, slots=True)
class Edit:
    """What a change did to a message: which pieces show something else now, and whether the list of pieces changed."""

    pieces: tuple[Piece, ...]
    structure: bool


class MessageDocument:
    """The pieces of one message."""

    def __init__(self, message: Message) -> None:
        self._head = Piece(Kind.HEAD, _HEAD_KEY)
        self._foot = Piece(Kind.FOOT, _FOOT_KEY)
        self.message = message
        self.pieces: list[Piece] = []
        self._text = ""
        self._live: LiveDocument | None = None
        self._live_chunk = 0
        self._load()

    @property
    def from_person(self) -> bool:
        """Whether the person wrote it; otherwise it is a reply."""
        return self.message.role is Role.USER

    @property
    def speaker(self) -> str:
        """Who speaks, as it is announced."""
        return "You" if self.from_person else self.message.model_name or "Assistant"

    @property
    def text(self) -> str:
        """The message as it was written."""
        return self._text

    @property
    def body(self) -> list[Piece]:
        """The pieces between head and foot."""
        return self.pieces[:-1] if self.from_person else self.pieces[1:-1]

    def _load(self) -> None:
        self._text = self.message.content
        self._live = None
        starts = cut(self._text, markdown=not self.from_person) if self._text else []
        spans = list(pairwise((*starts, len(self._text))))
        body = [Piece(Kind.SOURCE, (chunk, 0), span=span) for chunk, span in enumerate(spans)]
        if self.message.status is Status.STREAMING:
            tail = body.pop() if body else Piece(Kind.SOURCE, (0, 0))
            self._live = LiveDocument()
            self._live_chunk = tail.key[0]
            self._live.append(self._text[tail.span[0] :])
            body += self._pieces_of(self._live_chunk, self._live.blocks)
        self._set_body(body)

    def _set_body(self, body: Sequence[Piece]) -> None:
        self.pieces = [*body, self._foot] if self.from_person else [self._head, *body, self._foot]
        for index, piece in enumerate(self.pieces):
            piece.index = index

    @staticmethod
    def _pieces_of(chunk: int, blocks: Sequence[Block]) -> list[Piece]:
        return [Piece(_KINDS[type(block)], (chunk, number), block) for number, block in enumerate(blocks)]

    def expand(self, piece: Piece) -> None:
        """Parse a SOURCE piece: the pieces it stands for take its place (none, where its text shows nothing)."""
        start, end = piece.span
        text = self._text[start:end]
        blocks = list(parse_plain(text.strip("\n")) if self.from_person else parse(text))
        if self.from_person and start and not self._text.endswith("\n\n", 0, start):
            _continue(blocks)
        body = self.body
        at = body.index(piece)
        body[at : at + 1] = self._pieces_of(piece.key[0], blocks)
        self._set_body(body)

    def expand_all(self) -> None:
        """Parse all that is not parsed yet."""
        for piece in self.body:
            if piece.kind is Kind.SOURCE:
                self.expand(piece)

    def append(self, text: str) -> Edit:
        """Text was added to the end of a reply that is being written."""
        if self._live is None:
            return self.replace(msgspec.structs.replace(self.message, content=self._text + text))
        first = not self._text
        self._text += text
        edit = self._take(self._live.append(text).first_changed)
        return Edit((*edit.pieces, self._foot), edit.structure) if first else edit  # it is thinking no more

    def replace(self, message: Message) -> Edit:
        """The message is this now. Where its text stayed the same, only its foot (status, speed) changes."""
        ended = self._live is not None and message.status is not Status.STREAMING
        self.message = message
        if self._live is not None and message.content != self._text and message.content.startswith(self._text):
            added = message.content[len(self._text) :]
            self._text = message.content
            edit = self._take(self._live.append(added).first_changed)
        elif message.content != self._text or (message.status is Status.STREAMING and self._live is None):
            self._load()
            edit = Edit(tuple(self.body), True)
        else:
            edit = Edit((), False)
        if ended and self._live is not None:
            last = self._take(self._live.finish().first_changed)
            edit = Edit(edit.pieces + last.pieces, edit.structure or last.structure)
            self._live = None
        return Edit((*edit.pieces, self._foot), edit.structure)

    def _take(self, first_changed: int) -> Edit:
        """Bring the pieces of the live chunk from the block `first_changed` on up to date."""
        assert self._live is not None
        body = self.body
        start = next((i for i, piece in enumerate(body) if piece.key[0] == self._live_chunk), len(body))
        old = body[start + first_changed :]
        new = list(self._live.blocks[first_changed:])
        changed: list[Piece] = []
        pieces: list[Piece] = []
        for number, block in enumerate(new):
            kind = _KINDS[type(block)]
            if number < len(old) and old[number].kind is kind:
                piece = old[number]
                if piece.block != block:
                    piece.block = block
                    changed.append(piece)
            else:
                piece = Piece(kind, (self._live_chunk, first_changed + number), block)
                changed.append(piece)
            pieces.append(piece)
        structure = pieces != old
        if structure:
            self._set_body([*body[: start + first_changed], *pieces])
        return Edit(tuple(changed), structure)


def _continue(blocks: list[Block]) -> None:
    """Make the first paragraph go on in a new line from the chunk before: a person's text may be cut at any line."""
    first = blocks[0] if blocks else None
    if isinstance(first, TextBlock) and first.paragraphs:
        joined = dataclasses.replace(first.paragraphs[0], continues=True, joint="\n")
        blocks[0] = TextBlock((joined, *first.paragraphs[1:]))
