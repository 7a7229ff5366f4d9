"""The messages of the chat as documents, made as they come near the screen, and the height of every row."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from llamadesk.core.chat import Message, MessageId, Role
from llamadesk.state.transcript import MessageListModel
from llamadesk.ui.transcript.document import MessageDocument
from llamadesk.ui.transcript.heights import Heights
from llamadesk.ui.transcript.memory import Memory
from llamadesk.ui.transcript.pieces import NO_EDIT, Edit, Kind, Piece

_KEPT_AROUND = 24
"""Documents of this many rows above and below those on screen are kept parsed."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What guesses of heights are made with, in pixels."""

    characters_per_line: int = 90
    line: int = 24
    paragraph: int = 12
    reply_frame: int = 90
    person_frame: int = 76

    def text(self, length: int, breaks: int) -> int:
        """About how tall `length` characters with `breaks` line breaks are."""
        return (length // self.characters_per_line + 1) * self.line + breaks * self.paragraph


class Documents:
    """Rows of the list model as documents. Heights are exact where a message was laid out and guessed elsewhere."""

    def __init__(self, messages: MessageListModel) -> None:
        self._messages = messages
        self._documents: dict[int, MessageDocument] = {}
        self._sizes: list[tuple[int, int, bool]] = []  # characters, line breaks, whether the person wrote it
        self._measure = Measure()
        self._memory = Memory()
        self._memory_row = 0  # the row that it begins with
        self._unfolded: set[tuple[MessageId, Kind]] = set()
        self.continuable: MessageId | None = None
        self.heights = Heights()

    def __len__(self) -> int:
        return len(self.heights)

    def reset(self) -> None:
        """Another chat: nothing of the last one is kept."""
        self._documents.clear()
        self._unfolded.clear()
        self._memory_row = self._row_of_memory()
        self._sizes = [_size(message) for message in self._messages.messages()]
        self.estimate()

    def set_measure(self, measure: Measure) -> None:
        """The width or the font is another: what was laid out is not exact any more. `estimate` guesses anew."""
        self._measure = measure
        for document in self._documents.values():
            for piece in document.pieces:
                piece.height = None

    def estimate(self) -> None:
        """Guess the heights of all rows that no piece of is laid out."""
        measure = self._measure
        self.heights = Heights(
            measure.text(length, breaks) + (measure.person_frame if by_person else measure.reply_frame)
            for length, breaks, by_person in self._sizes
        )
        for row in self._documents:
            self.measured(row)

    def append(self, row: int) -> None:
        """A row was added at the end."""
        self._sizes.append(_size(self._messages.message(row)))
        self.heights.append(self._measure.reply_frame)
        self.changed(row)

    def changed(self, row: int) -> None:
        """A row that is not laid out holds another text now."""
        length, breaks, by_person = self._sizes[row] = _size(self._messages.message(row))
        frame = self._measure.person_frame if by_person else self._measure.reply_frame
        self.heights.set(row, frame + self._measure.text(length, breaks))

    def get(self, row: int) -> MessageDocument:
        """The document of a row."""
        found = self._documents.get(row)
        if found is None:
            message = self._messages.message(row)
            found = self._documents[row] = MessageDocument(message)
            found.set_memory(*self._memory_at(row))
            for kind in (Kind.MEMORY, Kind.THOUGHT):
                found.set_open(kind, (message.id, kind) in self._unfolded)
        return found

    def message(self, row: int) -> Message:
        """The message in a row, with all the text it has so far."""
        return self._messages.message(row)

    def source(self, row: int) -> str:
        """A message as it was written."""
        return self._messages.message(row).content

    def peek(self, row: int) -> MessageDocument | None:
        """The document of a row, if there is one already."""
        return self._documents.get(row)

    def height_of(self, row: int, piece: Piece) -> int:
        """Of a piece, exact or guessed."""
        if piece.height is not None:
            return piece.height
        if piece.block is None and not piece.length:
            return self._measure.person_frame // 2
        breaks = self.get(row).text.count("\n", *piece.span) if piece.block is None else 0
        return self._measure.text(piece.length, breaks)

    def above(self, row: int, piece: Piece) -> int:
        """The height of everything before a piece."""
        pieces = self.get(row).pieces
        return self.heights.above(row) + sum(self.height_of(row, before) for before in pieces[: piece.index])

    def find(self, offset: int) -> tuple[int, Piece, int]:
        """Row and piece at `offset` pixels from the start, and how far into the piece that is."""
        row, rest = self.heights.find(offset)
        pieces = self.get(row).pieces
        for piece in pieces:
            height = self.height_of(row, piece)
            if rest < height:
                return row, piece, rest
            rest -= height
        return row, pieces[-1], self.height_of(row, pieces[-1])

    def measured(self, row: int) -> None:
        """Pieces of a row were laid out: correct its height."""
        self.heights.set(row, sum(self.height_of(row, piece) for piece in self.get(row).pieces))

    def neighbour(self, row: int, piece: Piece, step: int) -> tuple[int, Piece] | None:
        """The piece before (-1) or after (+1) another, parsed if it was not yet; None at either end of the chat."""
        index = piece.index + step
        while True:
            pieces = self.get(row).pieces
            if not 0 <= index < len(pieces):
                row += step
                if not 0 <= row < len(self):
                    return None
                pieces = self.get(row).pieces
                index = 0 if step > 0 else len(pieces) - 1
            found = pieces[index]
            if found.kind is not Kind.SOURCE:
                return row, found
            index = self._expand(row, found, step)

    def shown(self, row: int, piece: Piece) -> Piece:
        """`piece`, or what it became when it was parsed."""
        if piece.kind is not Kind.SOURCE:
            return piece
        index = self._expand(row, piece, 1)
        return self.get(row).pieces[index]

    def _expand(self, row: int, piece: Piece, step: int) -> int:
        """Parse a piece; returns the index of the first (or, going up, the last) piece that took its place."""
        document = self.get(row)
        index, before = piece.index, len(document.pieces)
        document.expand(piece)
        grown = len(document.pieces) - before  # -1: its text shows nothing
        return index if step > 0 else index + grown

    # --- what the model still sees -----------------------------------------------------------------

    @property
    def memory(self) -> Memory:
        """What of the chat the model still sees."""
        return self._memory

    def set_memory(self, memory: Memory) -> list[tuple[int, Edit]]:
        """What the model still sees is this now; returns what that changes in the rows that have a document."""
        before = {row: self.is_faded(row) for row in self._documents}
        self._memory = memory
        self._memory_row = self._row_of_memory()
        edits: list[tuple[int, Edit]] = []
        for row, document in sorted(self._documents.items()):
            edit = document.set_memory(*self._memory_at(row))
            if self.is_faded(row) != before[row]:
                edit += Edit(tuple(document.pieces), False)
            if edit != NO_EDIT:
                edits.append((row, edit))
                self.measured(row)
        return edits

    def is_faded(self, row: int) -> bool:
        """Whether the model does not see the message in a row any more."""
        return self._messages.id_of(row) in self._memory.dropped

    def _row_of_memory(self) -> int:
        first = self._memory.first_seen
        return (self._messages.row_of(first) or 0) if first is not None else 0

    def _memory_at(self, row: int) -> tuple[bool, str]:
        """Whether the memory begins with a row, and the summary to show there."""
        begins = 0 < row == self._memory_row
        return begins, self._memory.summary if begins else ""

    # --- what can be done with a message -----------------------------------------------------------

    def toggle(self, row: int, kind: Kind) -> Edit:
        """Unfold or fold the summary (MEMORY) or the thought (THOUGHT) above a message."""
        document = self.get(row)
        unfolded = not document.is_open(kind)
        (self._unfolded.add if unfolded else self._unfolded.discard)((document.message.id, kind))
        return document.set_open(kind, unfolded)

    def set_continuable(self, message_id: MessageId | None) -> list[tuple[int, Edit]]:
        """The reply that the model could go on with is this now; returns what that changes."""
        rows = {self._messages.row_of(found) for found in (self.continuable, message_id) if found is not None}
        self.continuable = message_id
        return [(row, self._documents[row].foot_edit) for row in rows if row is not None and row in self._documents]

    def forget_far(self, near: Set[int], kept: Set[int]) -> None:
        """Drop the documents far from the rows `near`, but for those `kept` and the one that is being written."""
        first, last = min(near) - _KEPT_AROUND, max(near) + _KEPT_AROUND
        streaming = self._messages.streaming_row()
        for row in [row for row in self._documents if not first <= row <= last]:
            if row != streaming and row not in kept:
                del self._documents[row]


def _size(message: Message) -> tuple[int, int, bool]:
    return len(message.content), message.content.count("\n"), message.role is Role.USER
