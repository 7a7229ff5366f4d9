"""A message is a column of pieces, each shown by one widget: what a piece is. No Qt in here."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from enum import Enum, auto

from llamadesk.core.markdown import Block, CodeBlock, RuleBlock, TableBlock, TextBlock, parse_plain


class Kind(Enum):
    """What shows a piece."""

    MEMORY = auto()  # the line above the first message that the model still sees
    HEAD = auto()
    THOUGHT = auto()  # the line that a thought is folded away behind
    TEXT = auto()
    CODE = auto()
    TABLE = auto()
    RULE = auto()
    FOOT = auto()
    SOURCE = auto()  # not parsed yet: becomes other pieces before it is shown


KINDS: dict[type[Block], Kind] = {
    TextBlock: Kind.TEXT,
    CodeBlock: Kind.CODE,
    TableBlock: Kind.TABLE,
    RuleBlock: Kind.RULE,
}

Key = tuple[int, int]
"""Orders the pieces of a message: number of the chunk, number in the chunk. Survives the parsing of other chunks. The
chunks of the message's own text count from 0; what stands above that has negative ones."""

START_KEY: Key = (-9, 0)
"""Before every piece."""
MEMORY_KEY: Key = (-6, 0)
SUMMARY_CHUNK = -5
HEAD_KEY: Key = (-4, 0)
THOUGHT_KEY: Key = (-3, 0)
THOUGHT_CHUNK = -2
FOOT_KEY: Key = (1 << 60, 0)


def is_aside(key: Key) -> bool:
    """Whether the piece of that key is text that is not the message's own: a summary, a thought."""
    return key[0] in (SUMMARY_CHUNK, THOUGHT_CHUNK)


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

    def __add__(self, other: Edit) -> Edit:
        """Both changes."""
        return Edit(self.pieces + other.pieces, self.structure or other.structure)


NO_EDIT = Edit((), False)


def plain_blocks(text: str, start: int, end: int) -> list[Block]:
    """The blocks of a part of a text that is not Markdown, cut at line ends: the part before is shown apart."""
    blocks = list(parse_plain(text[start:end].strip("\n")))
    first = blocks[0] if blocks else None
    if start and not text.endswith("\n\n", 0, start) and isinstance(first, TextBlock) and first.paragraphs:
        # It goes on in a new line from the part before.
        joined = dataclasses.replace(first.paragraphs[0], continues=True, joint="\n")
        blocks[0] = TextBlock((joined, *first.paragraphs[1:]))
    return blocks
