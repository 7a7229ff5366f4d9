"""What a person typed: not Markdown, but code between fences is code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llamadesk.core.markdown.blocks import TEXT_BLOCK_LENGTH, Block, Paragraph
from llamadesk.core.markdown.gather import Gatherer
from llamadesk.core.markdown.inline import with_bare_links
from llamadesk.core.markdown.leaves import CodeLeaf, Place
from llamadesk.core.markdown.lines import Cursor, fence
from llamadesk.core.markdown.source import clean, is_right_to_left, pieces


def parse_plain(text: str) -> tuple[Block, ...]:
    """The blocks of a message that is not Markdown. Never raises.

    Line breaks and spaces stay exactly as they are, but for empty lines at the ends. A Paragraph is what lies between
    empty lines, with "\\n" at its line breaks. Code between ``` fences is a CodeBlock, to the end where the closing
    fence is missing. Bare http and https addresses are links.
    """
    gatherer = Gatherer()
    code: CodeLeaf | None = None
    prose: list[str] = []
    for line in clean(text).split("\n"):
        cursor = Cursor(line)
        if code:
            if code.ends_with(cursor):
                gatherer.add(code.elements())
                code = None
            else:
                code.add(cursor)
        elif cursor.indent() <= 3 and (opening := fence(line.lstrip(" "))):
            gatherer.add(_paragraphs(prose))
            prose = []
            code = CodeLeaf(Place(0, 0), opening, cursor.indent())
        else:
            prose.append(line)
    gatherer.add(code.elements() if code else _paragraphs(prose))
    gatherer.flush()
    return tuple(gatherer.take_blocks())


def _paragraphs(lines: Sequence[str]) -> Iterator[Paragraph]:
    text = "\n".join(lines).strip("\n")
    if not text:
        return
    for part in text.split("\n\n"):
        for number, (piece, joint) in enumerate(_portions(part)):
            yield Paragraph(
                with_bare_links(piece), right_to_left=is_right_to_left(piece), continues=number > 0, joint=joint
            )


def _portions(text: str) -> Iterator[tuple[str, str]]:
    """`text` in portions of bounded length, each with what joins it to the one before."""
    portion: list[str] = []
    length = 0
    joint = ""
    for line in text.split("\n"):
        for number, piece in enumerate(pieces(line)):
            if portion and (number or length + len(piece) > TEXT_BLOCK_LENGTH):
                yield "\n".join(portion), joint
                portion = []
                length = 0
                joint = "" if number else "\n"
            portion.append(piece)
            length += len(piece) + 1
    yield "\n".join(portion), joint
