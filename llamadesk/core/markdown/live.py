"""A message that grows: what is settled is never read again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from llamadesk.core.markdown.blocks import Block
from llamadesk.core.markdown.gather import Gatherer
from llamadesk.core.markdown.leaves import CodeLeaf
from llamadesk.core.markdown.reader import BlockReader
from llamadesk.core.markdown.source import LINE_LENGTH, clean, pieces

_UNDECIDED = re.compile(r"[ >]*(?:[-=*+_#|: ]+|\d{1,9}[.)]?|[`~]{1,2}|(?:```|~~~).*)?")


@dataclass(frozen=True, slots=True)
class Change:
    """What an `append` changed: `blocks[first_changed:]` may differ; those before are the very same objects."""

    first_changed: int


class LiveDocument:
    """The blocks of a message while its text comes in.

    After `finish` they are what `parse` makes of the whole text. Before, an open fence's CodeBlock is not `closed`, and
    what may yet turn into something else (a line of dashes, half a fence, a table's first line) is not shown.
    The work of an `append` depends on what is added and on the paragraph or table that is open, not on the message.
    """

    def __init__(self) -> None:
        self._reader = BlockReader()
        self._gatherer = Gatherer()
        self._blocks: list[Block] = []
        self._n_settled = 0  # of _blocks
        self._line = ""  # the last one, as far as it came
        self._line_is_cut = False  # its beginning was too long and is settled
        self._held_back = ""  # a "\r" that may be half of a line break

    @property
    def blocks(self) -> Sequence[Block]:
        """All blocks; the document's own list, which the next `append` changes."""
        return self._blocks

    def append(self, delta: str) -> Change:
        """Add text to the end."""
        delta = self._held_back + delta
        self._held_back = "\r" if delta.endswith("\r") else ""
        self._read(delta.removesuffix("\r"))
        tail_reader = self._reader.copied()
        if self._line and not self._is_undecided():
            self._feed(tail_reader, self._line)
        tail_reader.finish(is_open=True)
        tail = self._gatherer.copied()
        tail.add(tail_reader.take_elements())
        tail.flush()
        return self._put(self._gatherer.take_blocks(), tail.take_blocks())

    def finish(self) -> Change:
        """The text is whole: what was left open is closed. Nothing may be appended afterwards."""
        self._read(self._held_back)
        if self._line:
            self._feed(self._reader, self._line)
        self._line = self._held_back = ""
        self._reader.finish()
        self._gatherer.add(self._reader.take_elements())
        self._gatherer.flush()
        return self._put(self._gatherer.take_blocks(), [])

    @classmethod
    def of(cls, text: str) -> LiveDocument:
        """The finished document of a whole text, without a look at it in between."""
        document = cls()
        document._read(text)
        document.finish()
        return document

    def _read(self, text: str) -> None:
        """Settle the lines that are whole, and so much of the last one as exceeds the longest line."""
        *whole, last = clean(text).split("\n")
        for line in whole:
            self._extend_line(line)
            self._feed(self._reader, self._line)
            self._line = ""
            self._line_is_cut = False
        self._extend_line(last)
        self._gatherer.add(self._reader.take_elements())

    def _extend_line(self, text: str) -> None:
        self._line += text
        if len(self._line) > LINE_LENGTH:
            *settled, self._line = pieces(self._line)
            for piece in settled:
                self._feed(self._reader, piece)
                self._line_is_cut = True

    def _feed(self, reader: BlockReader, text: str) -> None:
        if self._line_is_cut:
            reader.go_on(text)
        else:
            reader.feed(text)

    def _is_undecided(self) -> bool:
        """Whether the last line would only flash up: a few more characters may make something else of it."""
        if self._line_is_cut:
            return False
        if isinstance(self._reader.leaf, CodeLeaf):
            text = self._line.strip(" >")
            return text == self._reader.leaf.fence.character * len(text)
        return _UNDECIDED.fullmatch(self._line) is not None

    def _put(self, settled: list[Block], tail: list[Block]) -> Change:
        """Show the blocks that were settled, and the tail as it looks now, in place of the tail shown so far."""
        fresh = settled + tail
        first_changed = self._n_settled
        for new, old in zip(fresh, self._blocks[self._n_settled :], strict=False):
            if new != old:
                break
            first_changed += 1
        self._blocks[first_changed:] = fresh[first_changed - self._n_settled :]
        self._n_settled += len(settled)
        return Change(first_changed)


def parse(text: str) -> tuple[Block, ...]:
    """The blocks of a whole message. Never raises; about a second for a megabyte of anything."""
    return tuple(LiveDocument.of(text).blocks)
