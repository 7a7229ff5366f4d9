"""What a line of Markdown starts: recognised from the line alone. The rules are CommonMark's, tables are GitHub's."""

from __future__ import annotations

import re
from typing import NamedTuple

from llamadesk.core.markdown.blocks import Alignment

MAX_COLUMNS = 64
"""A table with more is shown as text."""

_HEADING = re.compile(r"(#{1,6})(?:[ \t]+|$)")
_HEADING_END = re.compile(r"(?:^|[ \t])#+[ \t]*$")
_FENCE = re.compile(r"(`{3,})([^`]*)$|(~{3,})(.*)$")
_LIST_MARKER = re.compile(r"(?:([-+*])|(\d{1,9})([.)]))(?=[ \t]|$)")
_TASK = re.compile(r"\[([ xX])\](?:[ \t]+|$)")
_PIPE = re.compile(r"(?<!\\)\|")
_DELIMITER_CELL = re.compile(r"(:?)-+(:?)")
_ALIGNMENTS = {
    (False, False): Alignment.NONE,
    (True, False): Alignment.LEFT,
    (True, True): Alignment.CENTER,
    (False, True): Alignment.RIGHT,
}


class Cursor:
    """What is left of a line after its containers (block quotes, list items) took their part of it.

    Attributes:
        text: the rest of the line.
        column: where it stands; a tab reaches to the next multiple of four.
    """

    __slots__ = ("column", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.column = 0

    @property
    def is_blank(self) -> bool:
        """Whether nothing but spaces is left."""
        return not self.text or self.text.isspace()

    def indent(self) -> int:
        """Columns of white space at the start."""
        n_spaces = len(self.text) - len(self.text.lstrip(" "))
        if self.text[n_spaces : n_spaces + 1] != "\t":
            return n_spaces
        column = self.column
        for character in self.text:
            if character == " ":
                column += 1
            elif character == "\t":
                column += 4 - column % 4
            else:
                break
        return column - self.column

    def drop_indent(self, columns: int) -> None:
        """Take away at most so many columns of white space. Of a tab that is wider, spaces stay."""
        end = self.column + columns
        position = 0
        while self.column < end and self.text[position : position + 1] in (" ", "\t"):
            width = 4 - self.column % 4 if self.text[position] == "\t" else 1
            position += 1
            if self.column + width > end:
                left = " " * (self.column + width - end)
                self.column = end
                self.text = left + self.text[position:]
                return
            self.column += width
        self.text = self.text[position:]

    def drop(self, n_characters: int) -> None:
        """Take away so many characters, none of them a tab."""
        self.text = self.text[n_characters:]
        self.column += n_characters


class Heading(NamedTuple):
    """`level` 1 to 6."""

    level: int
    text: str


class Fence(NamedTuple):
    """The line before code: its character, how often it is there, and the word after it."""

    character: str
    length: int
    language: str


class ListMarker(NamedTuple):
    """The start of a list item. `kind` is "-", "+", "*", "." or ")": items of one list share it. `number` is None for
    bullets, `width` the characters of the marker itself, `is_empty` whether nothing follows on its line."""

    kind: str
    number: int | None
    width: int
    is_empty: bool


def heading(text: str) -> Heading | None:
    """`# Title`; `text` without indentation, here and below."""
    match = _HEADING.match(text)
    if not match:
        return None
    return Heading(len(match.group(1)), _HEADING_END.sub("", text[match.end() :]).strip(" \t"))


def underline(text: str) -> int:
    """The level of the heading that a line of "=" or "-" makes of the paragraph above it; 0 if it is no such line."""
    line = text.rstrip(" \t")
    if line[:1] in ("=", "-") and line == line[0] * len(line):
        return 1 if line[0] == "=" else 2
    return 0


def is_rule(text: str) -> bool:
    """`---`, `* * *` and the like."""
    if text[:1] not in ("-", "*", "_"):
        return False
    line = text.replace(" ", "").replace("\t", "")
    return len(line) >= 3 and line == line[0] * len(line)


def fence(text: str) -> Fence | None:
    """The opening line of fenced code."""
    if not text.startswith(("```", "~~~")):
        return None
    match = _FENCE.match(text)
    if not match:
        return None
    run = match.group(1) or match.group(3)
    info = (match.group(2) or match.group(4) or "").split(maxsplit=1)
    return Fence(run[0], len(run), info[0] if info else "")


def list_marker(text: str) -> ListMarker | None:
    """`- `, `1. ` and the like."""
    match = _LIST_MARKER.match(text)
    if not match:
        return None
    bullet, number, delimiter = match.groups()
    rest = text[match.end() :]
    return ListMarker(bullet or delimiter, int(number) if number else None, match.end(), not rest or rest.isspace())


def task(text: str) -> tuple[str, str] | None:
    """The marker of a task ("☐" or "☑") and the rest of the item's first line; None where it is no task."""
    match = _TASK.match(text)
    if not match:
        return None
    return "☐" if match.group(1) == " " else "☑", text[match.end() :]


def cells(text: str) -> list[str]:
    """The cells of a line of a table, as they were written but for escaped pipes."""
    parts = [part.strip().replace("\\|", "|") for part in _PIPE.split(text.strip())]
    if len(parts) > 1 and not parts[0]:
        del parts[0]
    if len(parts) > 1 and not parts[-1]:
        del parts[-1]
    return parts


def alignments(text: str) -> tuple[Alignment, ...] | None:
    """What the second line of a table (`|---|:-:|`) says of its columns; None where it is no such line."""
    if "|" not in text or "-" not in text or not set(text) <= set("|:- \t"):
        return None
    found = []
    for cell in cells(text):
        match = _DELIMITER_CELL.fullmatch(cell)
        if not match:
            return None
        found.append(_ALIGNMENTS[bool(match.group(1)), bool(match.group(2))])
    return tuple(found) if len(found) <= MAX_COLUMNS else None
