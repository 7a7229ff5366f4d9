"""The blocks that hold text of their own, while their lines come in: paragraphs, code, tables."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from llamadesk.core.markdown.blocks import Alignment, Cell, CodeBlock, Paragraph, RuleBlock, TableBlock
from llamadesk.core.markdown.inline import spans
from llamadesk.core.markdown.lines import Cursor, Fence, cells, task
from llamadesk.core.markdown.source import LINE_LENGTH, is_right_to_left

Element = Paragraph | CodeBlock | TableBlock | RuleBlock
"""What leaves become; paragraphs are gathered into TextBlocks afterwards."""

_TABLE_ROWS: Final = 60
_TABLE_CELLS: Final = 400


class Place(NamedTuple):
    """Where a leaf lies: in how many lists and in how many block quotes."""

    indent: int
    quote: int


@dataclass(slots=True)
class TextLeaf:
    """A paragraph, or a heading (`level` > 0). `marker` is that of the list item that it begins, or "". It `is_cut`
    where its line goes on in the next one."""

    place: Place
    lines: list[str]
    marker: str = ""
    level: int = 0
    continues: bool = False
    joint: str = ""
    is_cut: bool = False
    length: int = 0

    def __post_init__(self) -> None:
        self.length = sum(map(len, self.lines))

    @property
    def is_full(self) -> bool:
        """Whether it is so long that another one should go on."""
        return self.length >= LINE_LENGTH

    def add(self, text: str) -> None:
        """One more line."""
        self.lines.append(text)
        self.length += len(text)

    def copied(self) -> TextLeaf:
        """A copy that may be added to."""
        return replace(self, lines=self.lines.copy())

    def elements(self, is_open: bool = False) -> list[Element]:
        """The paragraph. `is_open`, here and below: whether more lines may follow."""
        lines = self.lines
        if is_open and lines[-1].lstrip(" ").startswith("|"):
            lines = lines[:-1]  # most likely the header of a table, which the next line makes it
            if not lines and not self.marker:
                return []
        text = "\n".join(lines)
        if not self.continues:
            text = text.lstrip(" \t")
        if not self.is_cut:
            text = text.rstrip(" \t")
        marker = self.marker
        done = task(text) if marker else None
        if done:
            marker, text = done
        indent, quote = self.place
        right_to_left = is_right_to_left(text)
        return [Paragraph(spans(text), self.level, indent, marker, quote, right_to_left, self.continues, self.joint)]


@dataclass(slots=True)
class CodeLeaf:
    """Code between fences. `margin` is the indentation of the opening fence, which the lines lose."""

    place: Place
    fence: Fence
    margin: int
    parts: list[str] = field(default_factory=list)

    def ends_with(self, line: Cursor) -> bool:
        """Whether the line is the closing fence."""
        character, length, _ = self.fence
        text = line.text.strip(" \t")
        return (
            len(text) >= length
            and text[0] == character
            and text == character * len(text)
            and (line.text[0] == character or line.indent() <= 3)
        )

    def add(self, line: Cursor) -> None:
        """One more line of code."""
        if self.margin:
            line.drop_indent(self.margin)
        self.go_on("\n" + line.text if self.parts else line.text)

    def go_on(self, text: str) -> None:
        """More of the last line."""
        self.parts.append(text)

    def copied(self) -> CodeLeaf:
        """A copy that may be added to."""
        self.parts = (
            ["".join(self.parts)] if self.parts else []
        )  # so that the next copy is cheap, however long the code
        return replace(self, parts=self.parts.copy())

    def elements(self, is_open: bool = False) -> list[Element]:
        """The code."""
        indent, quote = self.place
        return [CodeBlock(self.fence.language, "".join(self.parts), not is_open, indent, quote)]


@dataclass(slots=True)
class IndentedLeaf:
    """Code without fences: lines indented by four columns."""

    place: Place
    parts: list[str] = field(default_factory=list)

    def add(self, line: Cursor) -> None:
        """One more line of code, or a blank one, which counts only where code follows."""
        line.drop_indent(4)
        self.go_on("\n" + line.text if self.parts else line.text)

    def go_on(self, text: str) -> None:
        """More of the last line."""
        self.parts.append(text)

    def copied(self) -> IndentedLeaf:
        """A copy that may be added to."""
        self.parts = ["".join(self.parts)]
        return replace(self, parts=self.parts.copy())

    def elements(self, is_open: bool = False) -> list[Element]:  # noqa: ARG002
        """The code; it has no end that could be missing."""
        lines = "".join(self.parts).split("\n")
        while not lines[-1].strip():
            lines.pop()
        return [CodeBlock("", "\n".join(lines), True, *self.place)]


@dataclass(slots=True)
class TableLeaf:
    """A table, or as much of it as one TableBlock is to hold."""

    place: Place
    alignments: tuple[Alignment, ...]
    header: tuple[Cell, ...]
    rows: list[tuple[Cell, ...]] = field(default_factory=list)
    continues: bool = False

    @property
    def is_full(self) -> bool:
        """Whether another TableBlock should go on."""
        return len(self.rows) >= min(_TABLE_ROWS, max(1, _TABLE_CELLS // len(self.header)))

    def add(self, text: str) -> None:
        """One more row. Cells that are missing are empty; those that are too many go into the last one."""
        width = len(self.header)
        found = cells(text)
        if len(found) > width:
            found[width - 1 :] = [" | ".join(found[width - 1 :])]
        row = [spans(cell) for cell in found]
        row += [()] * (width - len(row))
        self.rows.append(tuple(row))

    def rest(self) -> TableLeaf:
        """The leaf for the rows that follow."""
        return replace(self, rows=[], continues=True)

    def copied(self) -> TableLeaf:
        """A copy that may be added to."""
        return replace(self, rows=self.rows.copy())

    def elements(self, is_open: bool = False) -> list[Element]:  # noqa: ARG002
        """The table, as far as it came."""
        if self.continues and not self.rows:
            return []
        indent, quote = self.place
        return [TableBlock(self.alignments, self.header, tuple(self.rows), indent, quote, self.continues)]


Leaf = TextLeaf | CodeLeaf | IndentedLeaf | TableLeaf
