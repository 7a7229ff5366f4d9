"""What a message looks like once it is read: blocks of styled paragraphs, code, tables and rules.

Plain, frozen values that compare by content, so that a view can keep what did not change. Nothing here names a resource
that a view could open by itself: links are text with a target that only a click may follow, and images are their
alternative text.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass


class Style(enum.Flag):
    """How a span looks; NONE is body text."""

    NONE = 0
    BOLD = enum.auto()
    ITALIC = enum.auto()
    CODE = enum.auto()
    STRIKE = enum.auto()


class Alignment(enum.StrEnum):
    """Where the text of a table's column sits; NONE follows the direction of the text."""

    NONE = ""
    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Span:
    """A run of characters of one look.

    Attributes:
        text: may hold "\\n" where a line is broken inside the paragraph; Qt wants U+2028 there, so that one paragraph
            stays one QTextBlock. Otherwise free of control characters and lone surrogates.
        href: an http, https or mailto address, or "".
    """

    text: str
    style: Style = Style.NONE
    href: str = ""


Cell = tuple[Span, ...]
"""The text of one cell of a table."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph, heading or list item; made to be one QTextBlock.

    Attributes:
        level: 1 to 6 for a heading, 0 for body text.
        indent: how many lists it lies in: 1 for an item of an outermost list, and for that item's later paragraphs.
        marker: "•", "◦", "▪", "1.", "2)", "☐" or "☑" for the first paragraph of a list item, else "".
        quote: how many block quotes it lies in.
        right_to_left: by its first strongly directed character.
        continues: it goes on where the paragraph before it broke off, which was too long for one: a view puts no space
            between the two. Its marker is "".
        joint: of a paragraph that continues, what lies between the two texts: "\\n" where a line ended, "" inside one.
    """

    spans: tuple[Span, ...]
    level: int = 0
    indent: int = 0
    marker: str = ""
    quote: int = 0
    right_to_left: bool = False
    continues: bool = False
    joint: str = ""

    @property
    def text(self) -> str:
        """The characters alone, without the marker."""
        return "".join(span.text for span in self.spans)


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Consecutive paragraphs, headings and list items. A long run of them is cut into several of about
    TEXT_BLOCK_LENGTH characters, so that a view can leave out those that are not on screen."""

    paragraphs: tuple[Paragraph, ...]

    @property
    def plain_text(self) -> str:
        """For copying and for screen readers: with markers, without styles."""
        return plain_text((self,))


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Code as it was written, without a last line break.

    Attributes:
        language: the first word after the fence, as written; `highlight.language_label` makes it presentable.
        closed: False while the closing fence has not come; then more text may follow.
        indent, quote: as for Paragraph.
    """

    language: str
    text: str
    closed: bool = True
    indent: int = 0
    quote: int = 0

    @property
    def plain_text(self) -> str:
        """The code."""
        return self.text


@dataclass(frozen=True, slots=True)
class TableBlock:
    """A table, or a part of a long one: those are cut after about 60 rows or 400 cells.

    Attributes:
        alignments: one for each column; the header and every row have as many cells.
        continues: the rows go on from the TableBlock before. The header is repeated for the widths of the columns and
            for the eye, but is no part of `plain_text`.
        indent, quote: as for Paragraph.
    """

    alignments: tuple[Alignment, ...]
    header: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    indent: int = 0
    quote: int = 0
    continues: bool = False

    @property
    def plain_text(self) -> str:
        """One line for each row, cells separated by tabs (as spreadsheets paste them)."""
        rows = self.rows if self.continues else (self.header, *self.rows)
        return "\n".join("\t".join("".join(span.text for span in cell) for cell in row) for row in rows)


@dataclass(frozen=True, slots=True)
class RuleBlock:
    """A line across the page."""

    @property
    def plain_text(self) -> str:
        """Three dashes."""
        return "---"


Block = TextBlock | CodeBlock | TableBlock | RuleBlock

TEXT_BLOCK_LENGTH = 1_200
"""Characters after which a TextBlock ends at the next paragraph."""


def plain_text(blocks: Sequence[Block]) -> str:
    """The text of `blocks` in order, for copying a message or part of it: a blank line between paragraphs, none between
    the items of a list, and nothing where a paragraph only continues the one before."""

    parts: list[str] = []
    last: Paragraph | None = None
    for block in blocks:
        if isinstance(block, TextBlock):
            for paragraph in block.paragraphs:
                if paragraph.continues:
                    parts.append(paragraph.joint)
                elif parts:
                    parts.append("\n" if paragraph.marker and last is not None and last.indent else "\n\n")
                if paragraph.marker:
                    parts.append("  " * (paragraph.indent - 1) + paragraph.marker + " ")
                parts.append(paragraph.text)
                last = paragraph
        else:
            if parts:
                parts.append("\n" if isinstance(block, TableBlock) and block.continues else "\n\n")
            parts.append(block.plain_text)
            last = None
    return "".join(parts)
