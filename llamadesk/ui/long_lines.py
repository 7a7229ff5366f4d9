"""Very long lines in a QPlainTextEdit: shown as several blocks, read and copied as one line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtGui import QTextCursor, QTextDocument

LONG_LINE = 2000
"""Qt lays a line out again as a whole for each key: a megabyte without a break takes seconds. Longer lines are cut into
blocks of this many characters, which are joined again when the text is read."""

CONTINUES = 0x100000 + 1  # QTextFormat.UserProperty and one; the class is slow to import
"""On a block that goes on with the line of the block before. A property, no mark in the text: undo restores it."""


def lines(text: str) -> Iterator[str]:
    """The lines of a text, one by one: a list of them all would double a large one."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def insert_cut(cursor: QTextCursor, text: str) -> None:
    """Insert `text`, with its long lines cut into blocks that are marked as going on."""
    from PySide6.QtGui import QTextBlockFormat  # noqa: PLC0415 - slow to import, for the many enums of its base

    goes_on = QTextBlockFormat()
    goes_on.setProperty(CONTINUES, True)
    for number, line in enumerate(lines(text)):
        if number:
            cursor.insertBlock(QTextBlockFormat())
        for start in range(0, len(line), LONG_LINE):
            if start:
                cursor.insertBlock(goes_on)
            cursor.insertText(line[start : start + LONG_LINE])


def joined(document: QTextDocument) -> str:
    """The text of a document, with long lines whole again."""
    parts: list[str] = []
    block = document.begin()
    while block.isValid():
        if parts and not block.blockFormat().hasProperty(CONTINUES):
            parts.append("\n")
        parts.append(block.text())
        block = block.next()
    return "".join(parts).replace("\u2028", "\n")


def selected(cursor: QTextCursor) -> str:
    """The text that a cursor has selected, with long lines whole."""
    from PySide6.QtGui import QTextCursor, QTextDocument  # noqa: PLC0415 - as in `insert_cut`

    fragment = QTextDocument()
    QTextCursor(fragment).insertFragment(cursor.selection())
    return joined(fragment)
