"""What a person typed: not Markdown, but code between fences is code."""

from __future__ import annotations

from llamadesk.core.markdown.blocks import Block, Paragraph, Span, TextBlock


def parse_plain(text: str) -> tuple[Block, ...]:
    """`text` with its line breaks and spaces exactly as they are, one Paragraph for each line; code between ``` fences
    becomes a CodeBlock. Bare http and https addresses are links. Never raises."""
    return (TextBlock(tuple(Paragraph((Span(line),)) for line in text.split("\n"))),)  # for now
