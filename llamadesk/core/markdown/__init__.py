"""Markdown as the transcript needs it: text in, plain blocks out, in bounded time, whatever the text is.

`parse` reads a whole message, `LiveDocument` one that is still being written, `parse_plain` one that a person typed.
"""

from llamadesk.core.markdown.blocks import (
    TEXT_BLOCK_LENGTH,
    Alignment,
    Block,
    Cell,
    CodeBlock,
    Paragraph,
    RuleBlock,
    Span,
    Style,
    TableBlock,
    TextBlock,
    plain_text,
)
from llamadesk.core.markdown.live import Change, LiveDocument, parse
from llamadesk.core.markdown.plain import parse_plain

__all__ = [
    "TEXT_BLOCK_LENGTH",
    "Alignment",
    "Block",
    "Cell",
    "Change",
    "CodeBlock",
    "LiveDocument",
    "Paragraph",
    "RuleBlock",
    "Span",
    "Style",
    "TableBlock",
    "TextBlock",
    "parse",
    "parse_plain",
    "plain_text",
]
