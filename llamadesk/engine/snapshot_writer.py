"""Writes to disk, while there is nothing else to do, what a chat's prompt need not be read again for."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from llamadesk.engine.history import Fragment
from llamadesk.engine.native import Span
from llamadesk.engine.prompt_cache import PromptCache, Tiers
from llamadesk.engine.snapshot_disk import DiskPiece, Draft
from llamadesk.engine.snapshots import MIN_TOKENS, Piece, Slot, Snapshot, common_length

_log = logging.getLogger(__name__)
_LOOK_AGAIN_SECONDS: Final = 0.02
_AFTER_FAILURE_SECONDS: Final = 60.0
_PUBLISH_EVERY: Final = 8
"""Pieces after which a long snapshot can be found as far as it goes: the app may be closed before it is whole."""


@dataclass(slots=True)
class _Work:
    """A snapshot on its way to the disk: `pieces` are there, `left` are to come."""

    slot: Slot
    ids: list[int]
    fragments: Sequence[Fragment]
    pieces: list[Piece]
    left: list[Span]
    draft: Draft | None = None
    writing: Future[DiskPiece] | None = field(default=None)


class SnapshotWriter:
    """Goes one small step at a time, so that a request waits for no more than that. The disk is written to on a thread
    of its own, and never more than one piece is held for it. Belongs to the cache's thread."""

    def __init__(self, cache: PromptCache, tiers: Tiers) -> None:
        self._cache = cache
        self._tiers = tiers
        self._work: _Work | None = None
        self._kept: dict[Slot, list[int]] = {}  # what is known to be on disk, so that its index need not be looked at
        self._rests_until = 0.0
        self._thread: ThreadPoolExecutor | None = None

    def step(self) -> float | None:
        """Do a little; returns after how many seconds to be called again, None where everything is kept."""
        try:
            return self._step()
        except OSError as error:
            _log.info("A chat's state cannot be kept on disk: %s", error.strerror)
            self._give_up()
            return None

    def flush(self, seconds: float) -> None:
        """Do everything that is left, for so long at the most."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and (wait := self.step()) is not None:
            time.sleep(wait)

    def forget(self) -> None:
        """Snapshots were forgotten: nothing is known to be on disk, and what was begun is not finished."""
        self._kept.clear()
        self._discard()
        self._rests_until = 0.0

    def close(self) -> None:
        """End the thread; what is not written yet is not kept."""
        self._discard()
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None

    # --- One step ---

    def _step(self) -> float | None:
        work = self._work or self._next()
        if work is None:
            return None
        self._work = work
        if work.writing is not None:
            if not work.writing.done():
                return _LOOK_AGAIN_SECONDS
            work.pieces.append(work.writing.result())
            work.writing = None
            if len(work.pieces) % _PUBLISH_EVERY == 0:
                self._publish(work)
        if work.left and self._write(work, work.left[0]):
            del work.left[0]
            return _LOOK_AGAIN_SECONDS
        self._finish(work)
        return 0.0

    def _write(self, work: _Work, span: Span) -> bool:
        """Begin to write a piece; False where it cannot be had any more."""
        state = self._cache.take(work.slot, work.ids, span)
        if state is None:
            return False
        if work.draft is None:
            n_tokens = span[1] - span[0]
            expected = len(state) * -(-(work.left[-1][1] - span[0]) // n_tokens)
            work.draft = self._tiers.disk.begin(self._tiers.key, work.slot, expected)
            if work.draft is None:
                return False
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "snapshots")
        work.writing = self._thread.submit(work.draft.write, span, state)
        return True

    def _finish(self, work: _Work) -> None:
        """Make what was written the snapshot of its chat: all of it or, where the rest cannot be had, its head."""
        self._kept[work.slot] = work.ids
        self._publish(work)
        self._work = None

    def _publish(self, work: _Work) -> None:
        """Let what is written so far be found."""
        if work.draft is not None and work.pieces:
            n_tokens = work.pieces[-1].span[1]
            if not work.draft.finish(Snapshot(work.ids[:n_tokens], work.fragments, work.pieces)):
                self._kept.clear()

    def _next(self) -> _Work | None:
        """What is to be written next: of the chat in the cache, then of those in memory."""
        if not self._tiers.disk.is_on or time.monotonic() < self._rests_until:
            return None
        content = self._cache.content
        work = self._work_on(content.slot, content.ids[: content.n_lasting], content.fragments)
        for slot in reversed(self._tiers.memory.slots()):
            if work is not None:
                break
            kept = self._tiers.memory.find(slot) if slot != content.slot else None
            work = self._work_on(slot, kept.ids, kept.fragments) if kept is not None else None
        return work

    def _work_on(self, slot: Slot, ids: Sequence[int], fragments: Sequence[Fragment]) -> _Work | None:
        if not slot.is_kept or len(ids) < MIN_TOKENS:
            return None
        ids = list(ids)
        if common_length(self._kept.get(slot, ()), ids) == len(ids):
            return None
        before = self._tiers.disk.find(self._tiers.key, slot)
        if before is not None and common_length(before.ids, ids) == len(ids):
            self._kept[slot] = ids
            return None
        have = {piece.span: piece for piece in before.pieces_of(ids)} if before is not None else {}
        spans = self._cache.spans(len(ids))
        pieces = [have[span] for span in spans if span in have]
        return _Work(slot, ids, fragments, pieces, spans[len(pieces) :])

    # --- Endings ---

    def _give_up(self) -> None:
        """Leave the disk alone for a while: it is full, or fails."""
        self._discard()
        self._rests_until = time.monotonic() + _AFTER_FAILURE_SECONDS

    def _discard(self) -> None:
        work, self._work = self._work, None
        if work is None:
            return
        if work.writing is not None and not work.writing.cancel():
            work.writing.exception()  # waits for it
        if work.draft is not None:
            work.draft.discard()
