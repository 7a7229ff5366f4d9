"""A message as a column of pieces: what stands above it, its blocks and its foot. No Qt in here.

A long message starts as chunks of source text, and each chunk becomes blocks when it comes near the screen. A reply
that is being written keeps a LiveDocument for its last chunk, and only the pieces that changed are touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from llamadesk.core.chat import Message, Role, Status
from llamadesk.core.markdown import Block, LiveDocument, parse
from llamadesk.ui.transcript.asides import Aside, thought_words
from llamadesk.ui.transcript.chunks import cut
from llamadesk.ui.transcript.pieces import (
    FOOT_KEY,
    HEAD_KEY,
    KINDS,
    MEMORY_KEY,
    NO_EDIT,
    SUMMARY_CHUNK,
    THOUGHT_CHUNK,
    THOUGHT_KEY,
    Edit,
    Kind,
    Piece,
    plain_blocks,
)


class MessageDocument:
    """The pieces of one message."""

    def __init__(self, message: Message) -> None:
        self._head = Piece(Kind.HEAD, HEAD_KEY)
        self._foot = Piece(Kind.FOOT, FOOT_KEY)
        self._summary = Aside(Piece(Kind.MEMORY, MEMORY_KEY), SUMMARY_CHUNK)
        self._thought = Aside(Piece(Kind.THOUGHT, THOUGHT_KEY), THOUGHT_CHUNK)
        self._thought.set_text(message.thought)
        self._memory_begins = False
        self.message = message
        self.pieces: list[Piece] = []
        self._body: list[Piece] = []
        self._text = ""
        self._live: LiveDocument | None = None
        self._live_chunk = 0
        self._load()

    @property
    def from_person(self) -> bool:
        """Whether the person wrote it; otherwise it is a reply."""
        return self.message.role is Role.USER

    @property
    def speaker(self) -> str:
        """Who speaks, as it is announced."""
        return "You" if self.from_person else self.message.model_name or "Assistant"

    @property
    def text(self) -> str:
        """The message as it was written."""
        return self._text

    @property
    def body(self) -> list[Piece]:
        """The pieces of the message's own text."""
        return list(self._body)

    @property
    def foot_edit(self) -> Edit:
        """What can be done with the message changed."""
        return Edit((self._foot,), False)

    @property
    def n_memory(self) -> int:
        """How many pieces, at the top, tell that the model's memory begins here."""
        return len(self._summary.pieces) if self._memory_begins else 0

    @property
    def n_lead(self) -> int:
        """How many pieces there are above the message's own text."""
        return len(self.pieces) - len(self._body) - 1

    # --- what stands above the text ----------------------------------------------------------------

    @property
    def thought_words(self) -> str:
        """What the line says that the thought is folded away behind."""
        return thought_words(self.message, answered=bool(self._text))

    def is_open(self, kind: Kind) -> bool:
        """Whether what the piece of `kind` (MEMORY or THOUGHT) stands for is unfolded."""
        return self._aside(kind).open

    def set_open(self, kind: Kind, open_: bool) -> Edit:
        """Unfold or fold what the piece of `kind` (MEMORY or THOUGHT) stands for."""
        return self._rearranged(self._aside(kind).set_open(open_))

    def set_memory(self, begins: bool, summary: str) -> Edit:
        """Whether the model's memory begins with this message, and what it is shown of those above."""
        moved = begins != self._memory_begins
        if not moved and (not begins or summary == self._summary.text):
            return NO_EDIT
        self._memory_begins = begins
        return self._rearranged(self._summary.set_text(summary) + Edit((self._summary.head,), moved))

    def append_thought(self, text: str) -> Edit:
        """Text was added to the end of the thought of a reply that is being written."""
        first = not self._thought.text
        edit = self._thought.append(text)
        return self._rearranged(Edit((*edit.pieces, self._thought.head), True) if first else edit)

    def _aside(self, kind: Kind) -> Aside:
        return self._summary if kind is Kind.MEMORY else self._thought

    def _rearranged(self, edit: Edit) -> Edit:
        if edit.structure:
            self._set_body(self._body)
        return edit

    # --- the text ----------------------------------------------------------------------------------

    def _load(self) -> None:
        self._text = self.message.content
        self._live = None
        starts = cut(self._text, markdown=not self.from_person) if self._text else []
        spans = list(pairwise((*starts, len(self._text))))
        body = [Piece(Kind.SOURCE, (chunk, 0), span=span) for chunk, span in enumerate(spans)]
        if self.message.status is Status.STREAMING:
            tail = body.pop() if body else Piece(Kind.SOURCE, (0, 0))
            self._live = LiveDocument()
            self._live_chunk = tail.key[0]
            self._live.append(self._text[tail.span[0] :])
            body += self._pieces_of(self._live_chunk, self._live.blocks)
        self._set_body(body)

    def _set_body(self, body: Sequence[Piece]) -> None:
        self._body = list(body)
        above = list(self._summary.pieces) if self._memory_begins else []
        if not self.from_person:
            above.append(self._head)
            if self._thought.text:
                above += self._thought.pieces
        self.pieces = [*above, *self._body, self._foot]
        for index, piece in enumerate(self.pieces):
            piece.index = index

    @staticmethod
    def _pieces_of(chunk: int, blocks: Sequence[Block]) -> list[Piece]:
        return [Piece(KINDS[type(block)], (chunk, number), block) for number, block in enumerate(blocks)]

    def expand(self, piece: Piece) -> None:
        """Parse a SOURCE piece: the pieces it stands for take its place (none, where its text shows nothing)."""
        start, end = piece.span
        blocks = plain_blocks(self._text, start, end) if self.from_person else parse(self._text[start:end])
        body = self.body
        at = body.index(piece)
        body[at : at + 1] = self._pieces_of(piece.key[0], blocks)
        self._set_body(body)

    def expand_all(self) -> None:
        """Parse all that is not parsed yet."""
        for piece in self.body:
            if piece.kind is Kind.SOURCE:
                self.expand(piece)

    def append(self, text: str) -> Edit:
        """Text was added to the end of a reply that is being written."""
        if self._live is None:
            return self.replace(msgspec.structs.replace(self.message, content=self._text + text))
        first = not self._text
        self._text += text
        edit = self._take(self._live.append(text).first_changed)
        return edit + self._ending if first else edit  # it is thinking no more

    def replace(self, message: Message) -> Edit:
        """The message is this now. Where its texts stayed the same, only what says how it ended changes."""
        if message.thought != self._thought.text:
            thought = self._thought.set_text(message.thought)
            self._set_body(self._body)
            return Edit(thought.pieces, True) + self._replace(message)
        return self._replace(message)

    def _replace(self, message: Message) -> Edit:
        ended = self._live is not None and message.status is not Status.STREAMING
        self.message = message
        if self._live is not None and message.content != self._text and message.content.startswith(self._text):
            added = message.content[len(self._text) :]
            self._text = message.content
            edit = self._take(self._live.append(added).first_changed)
        elif message.content != self._text or (message.status is Status.STREAMING and self._live is None):
            self._load()
            edit = Edit(tuple(self.body), True)
        else:
            edit = NO_EDIT
        if ended and self._live is not None:
            edit += self._take(self._live.finish().first_changed)
            self._live = None
        return edit + self._ending

    @property
    def _ending(self) -> Edit:
        """What is said of how the reply goes on or ended: below it, and of its thought."""
        return Edit((self._thought.head, self._foot), False) if self._thought.text else self.foot_edit

    def _take(self, first_changed: int) -> Edit:
        """Bring the pieces of the live chunk from the block `first_changed` on up to date."""
        assert self._live is not None
        body = self.body
        start = next((i for i, piece in enumerate(body) if piece.key[0] == self._live_chunk), len(body))
        old = body[start + first_changed :]
        new = list(self._live.blocks[first_changed:])
        changed: list[Piece] = []
        pieces: list[Piece] = []
        for number, block in enumerate(new):
            kind = KINDS[type(block)]
            if number < len(old) and old[number].kind is kind:
                piece = old[number]
                if piece.block != block:
                    piece.block = block
                    changed.append(piece)
            else:
                piece = Piece(kind, (self._live_chunk, first_changed + number), block)
                changed.append(piece)
            pieces.append(piece)
        structure = pieces != old
        if structure:
            self._set_body([*body[: start + first_changed], *pieces])
        return Edit(tuple(changed), structure)
