"""The KV cache of a context as what it stands for: the tokens of a chat, and which of them need not be read again."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from llamadesk.engine.cancel import CancelFlag
from llamadesk.engine.history import Fragment
from llamadesk.engine.native import Context, Span, State, States
from llamadesk.engine.snapshot_disk import DiskTier
from llamadesk.engine.snapshot_memory import MemoryPiece, MemoryTier
from llamadesk.engine.snapshots import MIN_TOKENS, Piece, Slot, Snapshot, common_length

_log = logging.getLogger(__name__)
_MIN_GAIN: Final = 32
"""Tokens that must be saved from being read for a snapshot to be taken out."""
_MIN_RUN: Final = 32
"""Tokens that must follow each other in the same way for them to be moved."""


@dataclass(frozen=True, slots=True)
class Tiers:
    """Where snapshots are kept, for a context of `key` (`snapshots.snapshot_key`)."""

    memory: MemoryTier
    disk: DiskTier
    key: str


@dataclass(frozen=True, slots=True)
class Content:
    """What is in a cache.

    Attributes:
        slot: whose it is.
        ids: the tokens, all of which are in the cache.
        n_lasting: how many of them belong to messages that were sent. Only these are kept.
        fragments: the prompt and the reply that they make.
    """

    slot: Slot = field(default_factory=partial(Slot, ""))
    ids: Sequence[int] = ()
    n_lasting: int = 0
    fragments: Sequence[Fragment] = field(default=(), repr=False)


class PromptCache:
    """Keeps the cache and the list of its tokens the same, through every change and every trouble.

    Where the two could differ, the cache is emptied: reading again is slow, and always right. Belongs to one thread.
    """

    def __init__(self, context: Context, states: States) -> None:
        self._context = context
        self._states = states
        self._tiers: Tiers | None = None
        self._n_moved = 0  # tokens that are in the cache because some were moved, and hold after the next decode
        self.content = Content()

    def attach(self, tiers: Tiers) -> None:
        """Where chats that are left are kept, and found again."""
        self._tiers = tiers

    # --- What a prompt finds ---

    def bring(
        self, slot: Slot, ids: Sequence[int], cancel: CancelFlag, *, sample: bool = True, may_move: bool = False
    ) -> int:
        """Make the cache hold as much of the head of `ids` as can be had without reading, and nothing else; returns how
        many tokens that is.

        Args:
            slot: where the prompt belongs. Another one than before puts what is in the cache aside.
            ids: the whole prompt.
            cancel: ends it early, with less.
            sample: leaves at least the last token to be read, for only that gives the logits of what follows.
            may_move: turns were dropped; what follows them may be moved to its new place.
        """
        if slot != self.content.slot:
            self._put_aside()
        before, self.content = self.content, Content(slot)
        wanted = ids[: len(ids) - 1 if sample else len(ids)]
        have = common_length(before.ids, wanted)
        self._n_moved = 0
        try:
            snapshot = self._find(slot, wanted, have)
            if snapshot is not None:
                have = self._take_out(slot, snapshot, wanted, have, cancel)
            elif may_move and self._states.can_move:
                have = self._move(before.ids, wanted, have)
            have = self._context.truncate(have)
        except BaseException:
            self._context.truncate(0)
            raise
        if before.slot == slot:
            self.content = Content(slot, ids[:have], min(before.n_lasting, have), before.fragments)
        else:
            self.content = Content(slot, ids[:have])
        return have

    def settle(self, slot: Slot, ids: Sequence[int], n_lasting: int, fragments: Sequence[Fragment]) -> None:
        """The context was given `ids` to read and write, and took as many of them as it now says."""
        n_past = self._context.n_past
        if n_past > len(ids) or n_past <= self._n_moved:  # nobody knows what it holds; see `States.move`
            n_past = self._context.truncate(0)
        self.content = Content(slot, list(ids[:n_past]), min(n_lasting, n_past), list(fragments))

    def forget(self, chats: Collection[str] | None) -> None:
        """Empty the cache if it holds one of these chats; with None in any case."""
        if chats is None or self.content.slot.chat in chats:
            self._context.truncate(0)
            self.content = Content()

    # --- Snapshots ---

    def spans(self, n_tokens: int) -> list[Span]:
        """The pieces that a snapshot of so many tokens has."""
        return self._states.spans(n_tokens)

    def take(self, slot: Slot, ids: Sequence[int], span: Span) -> State | None:
        """The states of a span of a chat's tokens, from the cache or from memory; None where neither has them."""
        content, end = self.content, span[1]
        if content.slot == slot and self._holds(content.ids, ids, end):
            return self._states.take(span)
        kept = self._tiers.memory.find(slot) if self._tiers is not None else None
        pieces = kept.pieces_of(ids) if kept is not None else []
        return next((piece.read() for piece in pieces if piece.span == span), None)

    def _holds(self, cached: Sequence[int], ids: Sequence[int], end: int) -> bool:
        if self._states.is_whole and len(cached) != end:
            return False
        return len(cached) >= end and list(cached[:end]) == list(ids[:end])

    def _put_aside(self) -> None:
        """Keep what is in the cache in memory, as far as there is room."""
        content, tiers = self.content, self._tiers
        if tiers is None or not content.slot.is_kept or content.n_lasting < MIN_TOKENS:
            return
        ids = content.ids[: content.n_lasting]
        before = tiers.memory.find(content.slot)
        known = {piece.span: piece for piece in before.pieces_of(ids)} if before is not None else {}
        room = tiers.memory.room()
        pieces: list[Piece] = []
        n_bytes = 0
        for span in self._states.spans(len(ids)):
            piece = known.get(span)
            if piece is None:
                if room <= n_bytes or not self._holds(content.ids, ids, span[1]):
                    break
                state = self._states.take(span)
                if state is None:
                    break
                piece = MemoryPiece(span, state)
            n_bytes += piece.n_bytes
            if n_bytes > room:
                break
            pieces.append(piece)
        if pieces and (before is None or pieces[-1].span[1] > common_length(before.ids, ids)):
            tiers.memory.keep(content.slot, Snapshot(ids[: pieces[-1].span[1]], content.fragments, pieces))

    def _find(self, slot: Slot, wanted: Sequence[int], have: int) -> Snapshot | None:
        """The snapshot that gives the most, if it is worth it."""
        tiers = self._tiers
        if tiers is None or not slot.is_kept or len(wanted) - have < _MIN_GAIN:
            return None
        in_memory = tiers.memory.find(slot)
        from_memory = self._worth(in_memory, wanted)
        if from_memory == len(wanted):
            return in_memory
        on_disk = tiers.disk.find(tiers.key, slot)
        from_disk = self._worth(on_disk, wanted)
        best, gives = (on_disk, from_disk) if from_disk - from_memory >= _MIN_GAIN else (in_memory, from_memory)
        return best if gives - have >= _MIN_GAIN else None

    def _worth(self, snapshot: Snapshot | None, wanted: Sequence[int]) -> int:
        """How many of the wanted tokens a snapshot gives."""
        if snapshot is None or not snapshot.pieces:
            return 0
        length = snapshot.pieces[-1].span[1]
        same = common_length(snapshot.ids[:length], wanted)
        return 0 if self._states.is_whole and same < length else same

    def _take_out(self, slot: Slot, snapshot: Snapshot, wanted: Sequence[int], have: int, cancel: CancelFlag) -> int:
        """Put a snapshot's pieces into the cache, where it does not have them; returns how many of the wanted tokens
        it holds then."""
        goal = self._worth(snapshot, wanted)
        needed = [piece for piece in snapshot.pieces if piece.span[1] > have and piece.span[0] < goal]
        n_past = self._context.truncate(needed[0].span[0])
        for piece in needed:
            if cancel.is_set or n_past != piece.span[0]:
                break
            state = piece.read()
            if state is None or not self._states.put(state) or self._context.n_past != piece.span[1]:
                _log.info("A snapshot cannot be used: it is deleted")
                self._drop(slot)
                n_past = self._context.truncate(n_past if not self._states.is_whole else 0)
                break
            n_past = piece.span[1]
            del state  # before the next one is read: each may take tens of megabytes
        return min(n_past, goal)

    def _drop(self, slot: Slot) -> None:
        if self._tiers is not None:
            self._tiers.memory.drop(slot)
            self._tiers.disk.drop(self._tiers.key, slot)

    # --- Moving ---

    def _move(self, cached: Sequence[int], wanted: Sequence[int], have: int) -> int:
        """Move runs of tokens that are in the cache further back to where `wanted` goes on with them; returns how many
        of the wanted tokens it holds then."""
        position = source = have
        while position < len(wanted) and source < len(cached):
            same = cached[source] == wanted[position]
            run = common_length(cached[source:], wanted[position:]) if same else 0
            if run < _MIN_RUN:
                source += 1
                continue
            self._states.move((source, source + run), position)
            position += run
            source += run
            self._n_moved = position
        return position
