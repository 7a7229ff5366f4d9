"""Where snapshots are kept: what fits, what goes, and what a disk can do to them."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from small_disks import small_disk  # noqa: F401

from llamadesk.engine.history import Fragment, Kind
from llamadesk.engine.native import Span, State
from llamadesk.engine.prompt_cache import Content, Tiers
from llamadesk.engine.snapshot_disk import DiskTier, Draft
from llamadesk.engine.snapshot_memory import MemoryPiece, MemoryTier
from llamadesk.engine.snapshot_writer import SnapshotWriter
from llamadesk.engine.snapshots import Slot, Snapshot

KEY = "key"
IDS = list(range(100))
FRAGMENTS = [Fragment(Kind.CONTROL, "", (1,)), Fragment(Kind.REPLY, "hello", tuple(range(1, 100)))]
MB = 1_000_000


def state(n_bytes: int, value: int = 7) -> State:
    return (ctypes.c_uint8 * n_bytes)(*([value] * min(n_bytes, 100)))


def in_memory(n_bytes: int) -> Snapshot:
    return Snapshot(IDS, FRAGMENTS, [MemoryPiece((0, 100), state(n_bytes))])


def keep(tier: DiskTier, chat: str, n_bytes: int) -> bool:
    draft = tier.begin(KEY, Slot(chat), n_bytes)
    if draft is None:
        return False
    piece = draft.write((0, 100), state(n_bytes))
    return draft.finish(Snapshot(IDS, FRAGMENTS, [piece]))


def has(tier: DiskTier, chat: str) -> bool:
    snapshot = tier.find(KEY, Slot(chat))
    return snapshot is not None and snapshot.pieces[0].read() is not None


@pytest.fixture
def disk(tmp_path: Path) -> DiskTier:
    tier = DiskTier(spare_bytes=0)
    tier.configure(tmp_path / "snapshots", 10 * MB)
    return tier


# --- Memory ---------------------------------------------------------------------------------------------------------


def test_memory_keeps_what_was_used_last() -> None:
    memory = MemoryTier(free=lambda: 100 * MB)
    memory.limit(2500)
    for chat in "abc":
        memory.keep(Slot(chat), in_memory(1000))
        memory.find(Slot("a"))
    assert memory.slots() == [Slot("c"), Slot("a")]
    memory.forget(["a"])
    assert memory.slots() == [Slot("c")]
    memory.limit(0)
    assert not memory.slots()


def test_memory_gives_way_where_other_programs_need_it() -> None:
    free = 10_000
    memory = MemoryTier(free=lambda: free)
    memory.limit(MB)
    memory.keep(Slot("a"), in_memory(2000))
    memory.keep(Slot("b"), in_memory(2000))
    assert len(memory.slots()) == 2
    free = 500
    memory.trim()
    assert memory.slots() == [Slot("b")]


# --- Disk -----------------------------------------------------------------------------------------------------------


def test_a_snapshot_comes_back_as_it_was(disk: DiskTier) -> None:
    assert keep(disk, "a", 5000)
    snapshot = disk.find(KEY, Slot("a"))
    assert snapshot is not None
    assert list(snapshot.ids) == IDS
    assert list(snapshot.fragments) == FRAGMENTS
    (piece,) = snapshot.pieces
    read = piece.read()
    assert read is not None
    assert bytes(read) == bytes(state(5000))
    assert disk.find("another key", Slot("a")) is None
    assert disk.find(KEY, Slot("b")) is None


def test_the_disk_keeps_what_was_used_last(disk: DiskTier) -> None:
    for chat in "abc":
        assert keep(disk, chat, 3 * MB)
        time.sleep(0.02)  # the time of a file tells when it was used
        assert has(disk, "a")
        time.sleep(0.02)
    assert keep(disk, "d", 3 * MB)
    assert [chat for chat in "abcd" if has(disk, chat)] == ["a", "c", "d"]
    assert not keep(disk, "e", 11 * MB)


def test_so_much_of_the_disk_stays_free(small_disk: Path) -> None:  # noqa: F811
    tier = DiskTier(spare_bytes=MB)
    tier.configure(small_disk / "snapshots", 100 * MB)
    assert keep(tier, "a", 600_000)
    assert keep(tier, "b", 600_000)  # in place of the other
    assert [chat for chat in "ab" if has(tier, chat)] == ["b"]
    assert not keep(tier, "c", 2 * MB)


def test_a_disk_that_fills_while_a_snapshot_is_written(small_disk: Path) -> None:  # noqa: F811
    tier = DiskTier(spare_bytes=0)
    tier.configure(small_disk / "snapshots", 100 * MB)
    assert keep(tier, "a", 1000)
    draft = tier.begin(KEY, Slot("a"), 1000)
    assert draft is not None
    draft.write((100, 200), state(MB))
    with pytest.raises(OSError, match="No space"):
        draft.write((200, 300), state(2 * MB))
    assert not list(small_disk.glob("snapshots/*/*/*.part"))
    draft.discard()
    assert len(list(small_disk.glob("snapshots/*/*/*.state"))) == 1
    assert has(tier, "a")


def test_what_is_forgotten_while_it_is_written_stays_forgotten(disk: DiskTier, tmp_path: Path) -> None:
    draft = disk.begin(KEY, Slot("a"), 1000)
    assert draft is not None
    piece = draft.write((0, 100), state(1000))
    disk.forget(["a"])
    draft.place.mkdir(parents=True, exist_ok=True)
    assert not draft.finish(Snapshot(IDS, FRAGMENTS, [piece]))
    assert not list((tmp_path / "snapshots").glob("*/*"))


# --- The writer -----------------------------------------------------------------------------------------------------


class StubCache:
    """A cache of a chat of a hundred tokens, in two pieces."""

    def __init__(self) -> None:
        self.content = Content(Slot("a"), IDS, 100, FRAGMENTS)

    def spans(self, n_tokens: int) -> list[Span]:
        return [(0, 64), (64, n_tokens)]

    def take(self, _slot: Slot, _ids: Sequence[int], _span: Span) -> State | None:
        return state(900_000)


def test_the_writer_leaves_a_full_disk_alone(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    tier = DiskTier(spare_bytes=0)
    tier.configure(small_disk / "snapshots", 100 * MB)
    (small_disk / "other").write_bytes(bytes(800_000))
    monkeypatch.setattr(DiskTier, "_evict", lambda *_: True)  # the room goes while it is written to
    writer = SnapshotWriter(StubCache(), Tiers(MemoryTier(), tier, KEY))  # type: ignore[arg-type]
    writer.flush(10)
    assert not list(small_disk.glob("snapshots/*/*"))
    assert writer.step() is None
    writer.close()


def test_the_writer_does_not_end_what_was_forgotten(disk: DiskTier, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = SnapshotWriter(StubCache(), Tiers(MemoryTier(), disk, KEY))  # type: ignore[arg-type]
    finish = Draft.finish

    def forgotten_first(draft: Draft, snapshot: Snapshot) -> bool:
        disk.forget(["b"])
        return finish(draft, snapshot)

    monkeypatch.setattr(Draft, "finish", forgotten_first)
    for _ in range(1000):
        if writer.step() == 0.0:
            break
        time.sleep(0.01)
    assert not has(disk, "a")
    monkeypatch.setattr(Draft, "finish", finish)
    writer.flush(10)
    assert has(disk, "a")
    writer.close()
