"""Elements, as they are read, into the blocks of a message."""

from __future__ import annotations

from collections.abc import Iterable

from llamadesk.core.markdown.blocks import TEXT_BLOCK_LENGTH, Block, Paragraph, TextBlock
from llamadesk.core.markdown.leaves import Element


class Gatherer:
    """Puts consecutive paragraphs into TextBlocks of bounded length."""

    def __init__(self, paragraphs: Iterable[Paragraph] = (), length: int = 0) -> None:
        self._paragraphs = list(paragraphs)
        self._length = length
        self._blocks: list[Block] = []

    def copied(self) -> Gatherer:
        """One that goes on from here on its own, with no blocks to take."""
        return Gatherer(self._paragraphs, self._length)

    def add(self, elements: Iterable[Element]) -> None:
        """The next elements."""
        for element in elements:
            if not isinstance(element, Paragraph):
                self.flush()
                self._blocks.append(element)
                continue
            length = sum(len(span.text) for span in element.spans)
            if self._length + length > TEXT_BLOCK_LENGTH:
                self.flush()
            self._paragraphs.append(element)
            self._length += length + 1

    def flush(self) -> None:
        """Make a block of the paragraphs that were gathered."""
        if self._paragraphs:
            self._blocks.append(TextBlock(tuple(self._paragraphs)))
            self._paragraphs = []
            self._length = 0

    def take_blocks(self) -> list[Block]:
        """The blocks that were finished since the last call."""
        blocks, self._blocks = self._blocks, []
        return blocks
