"""A message that grows: only its tail is read again when text is added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llamadesk.core.markdown.blocks import Block, Paragraph, Span, TextBlock


@dataclass(frozen=True, slots=True)
class Change:
    """What an `append` changed: `blocks[first_changed:]` may differ; those before are the very same objects."""

    first_changed: int


class LiveDocument:
    """The blocks of a message while its text comes in. At every moment they are what `parse` makes of the text so far,
    but that an open fence's CodeBlock is not `closed` until `finish`."""

    def __init__(self) -> None:
        self._text = ""
        self._blocks: list[Block] = []

    @property
    def blocks(self) -> Sequence[Block]:
        """All blocks; the document's own list, which the next `append` changes."""
        return self._blocks

    def append(self, delta: str) -> Change:
        """Add text to the end."""
        self._text += delta
        self._blocks = list(parse(self._text))
        return Change(0)

    def finish(self) -> Change:
        """The text is whole: what was left open is closed. Nothing may be appended afterwards."""
        return Change(len(self._blocks))


def parse(text: str) -> tuple[Block, ...]:
    """The blocks of a whole message. Never raises; about a second for a megabyte of anything."""
    return tuple(TextBlock((Paragraph((Span(part),)),)) for part in text.split("\n\n"))  # for now
