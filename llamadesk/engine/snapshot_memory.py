"""Snapshots in main memory: of chats that were left a short while ago."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

import psutil

from llamadesk.engine.native import Span, State
from llamadesk.engine.snapshots import Slot, Snapshot


@dataclass(frozen=True, slots=True)
class MemoryPiece:
    """The states of one span, in memory."""

    span: Span
    state: State

    @property
    def n_bytes(self) -> int:
        """What it takes."""
        return len(self.state)

    def read(self) -> State | None:
        """The states."""
        return self.state


def free_memory() -> int:
    """Bytes that programs can have without anything being pushed out of memory."""
    return int(psutil.virtual_memory().available)


class MemoryTier:
    """Keeps the snapshots used last, within a budget and within half of what is free. Belongs to one thread."""

    def __init__(self, free: Callable[[], int] = free_memory) -> None:
        """`free`: bytes of memory that are free now. Keeps nothing before `limit` is called."""
        self._free = free
        self._budget = 0
        self._kept: dict[Slot, Snapshot] = {}  # the one used last at the end

    @property
    def n_bytes(self) -> int:
        """What all of them take."""
        return sum(snapshot.n_bytes for snapshot in self._kept.values())

    def limit(self, budget: int) -> None:
        """Keep at most `budget` bytes from now on."""
        self._budget = budget
        self.trim()

    def room(self) -> int:
        """Bytes that snapshots may take now, those included that are kept already."""
        return min(self._budget, (self.n_bytes + self._free()) // 2) if self._budget else 0

    def find(self, slot: Slot) -> Snapshot | None:
        """The snapshot of a slot, which counts as used now."""
        snapshot = self._kept.pop(slot, None)
        if snapshot is not None:
            self._kept[slot] = snapshot
        return snapshot

    def keep(self, slot: Slot, snapshot: Snapshot) -> None:
        """Keep a snapshot in place of the slot's last one; those used longest ago go for it."""
        self._kept.pop(slot, None)
        self._kept[slot] = snapshot
        self.trim()

    def trim(self) -> None:
        """Let go of what does not fit any more."""
        room = self.room()
        while self._kept and self.n_bytes > room:
            del self._kept[next(iter(self._kept))]

    def drop(self, slot: Slot) -> None:
        """Let go of the snapshot of a slot."""
        self._kept.pop(slot, None)

    def slots(self) -> list[Slot]:
        """Whose snapshots are kept, the one used last at the end."""
        return list(self._kept)

    def forget(self, chats: Container[str] | None) -> None:
        """Let go of these chats; of all with None."""
        self._kept = {} if chats is None else {s: kept for s, kept in self._kept.items() if s.chat not in chats}
