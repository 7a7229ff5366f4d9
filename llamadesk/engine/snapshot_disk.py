"""Snapshots on disk, so that yesterday's chat goes on at once.

A snapshot is a folder: a file for each piece, and an index that names them, with checksums. The index is replaced last
and as a whole, so a crash leaves the snapshot of before. Nothing is forced to the disk: what a power failure takes with
it, the checksums tell, and the model reads it again.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import logging
import os
import shutil
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from llamadesk.engine.history import Fragment
from llamadesk.engine.native import Span, State
from llamadesk.engine.snapshots import Slot, Snapshot

_log = logging.getLogger(__name__)
_INDEX: Final = "index"
_PIECE_SUFFIX: Final = ".state"
_PART_SUFFIX: Final = ".part"
_CRC_BYTES: Final = 4
SPARE_BYTES: Final = 1024**3
"""So much of the disk is left free for everything else."""


@dataclass(frozen=True, slots=True)
class DiskPiece:
    """The states of one span in a file of its own."""

    path: Path
    span: Span
    n_bytes: int
    crc: int

    def read(self) -> State | None:
        """The states; None where the file is not what was written."""
        state = (ctypes.c_uint8 * self.n_bytes)()
        left = memoryview(state).cast("B")
        try:
            with self.path.open("rb", buffering=0) as file:
                while left and (count := file.readinto(left)):
                    left = left[count:]
        except OSError:
            return None
        return state if not left and zlib.crc32(state) == self.crc else None


class _PieceEntry(msgspec.Struct, frozen=True, array_like=True):
    name: str
    span: Span
    n_bytes: int
    crc: int


class _Index(msgspec.Struct, frozen=True):
    ids: list[int]
    fragments: list[Fragment]
    pieces: list[_PieceEntry]


class DiskTier:
    """Keeps snapshots in a folder, within a quota; those used longest ago go first. For several threads."""

    def __init__(self, spare_bytes: int = SPARE_BYTES) -> None:
        """`spare_bytes` of the disk are left free. Keeps nothing before `configure` is called."""
        self._spare = spare_bytes
        self._folder: Path | None = None
        self._quota = 0
        self._n_forgotten = 0
        self._lock = threading.Lock()  # around what looks at folders and changes them, but not around long writes

    def configure(self, folder: Path | None, quota: int) -> None:
        """Keep at most `quota` bytes in `folder` from now on; what lies there beyond that goes, and so does what an
        earlier process did not finish. None keeps nothing, and leaves what is there."""
        with self._lock:
            is_new = folder != self._folder
            self._folder, self._quota = folder, quota
            if folder is None:
                return
            if is_new:
                for place in self._places():
                    _tidy(place)
            self._evict(0, None)

    @property
    def is_on(self) -> bool:
        """Whether anything is kept."""
        return self._folder is not None and self._quota > 0

    def find(self, key: str, slot: Slot) -> Snapshot | None:
        """The snapshot of a slot, which counts as used now."""
        place = self._place(key, slot)
        if place is None or not slot.is_kept:
            return None
        with self._lock:
            index = _read_index(place)
            if index is None:
                return None
            with contextlib.suppress(OSError):
                os.utime(place / _INDEX)
        pieces = [DiskPiece(place / entry.name, entry.span, entry.n_bytes, entry.crc) for entry in index.pieces]
        return Snapshot(index.ids, index.fragments, pieces)

    def fragments(self, key: str, slot: Slot) -> Sequence[Fragment]:
        """What a slot's snapshot knows of its prompt and replies; () where there is none."""
        snapshot = self.find(key, slot)
        return snapshot.fragments if snapshot is not None else ()

    def begin(self, key: str, slot: Slot, n_bytes: int) -> Draft | None:
        """Begin a snapshot that will take `n_bytes` more than the one before; None where there is no room for it."""
        place = self._place(key, slot)
        if place is None or not slot.is_kept or not self.is_on:
            return None
        with self._lock:
            try:
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
                return Draft(self, place, self._n_forgotten) if self._evict(n_bytes, place) else None
            except OSError as error:
                _log.info("No snapshots can be kept: %s", error.strerror)
                return None

    def drop(self, key: str, slot: Slot) -> None:
        """Delete the snapshot of a slot."""
        place = self._place(key, slot)
        if place is not None:
            with self._lock:
                _remove(place)

    def forget(self, chats: Iterable[str] | None) -> None:
        """Delete the snapshots of these chats, made with whatever model; all snapshots with None."""
        names = None if chats is None else {_chat_name(chat) for chat in chats}
        with self._lock:
            self._n_forgotten += 1
            for place in list(self._places()):
                if names is None or place.name.partition("-")[0] in names:
                    _remove(place)

    def _finish(self, draft: Draft, index: _Index) -> bool:
        with self._lock:
            if draft.n_forgotten != self._n_forgotten:  # it may be this chat that was forgotten meanwhile
                draft.discard()
                return False
            _write_index(draft.place, index)
            _tidy(draft.place)
            return True

    def _place(self, key: str, slot: Slot) -> Path | None:
        return None if self._folder is None else self._folder / key / f"{_chat_name(slot.chat)}-{slot.mode.value}"

    def _places(self) -> Iterator[Path]:
        if self._folder is not None:
            yield from self._folder.glob("*/*-*/")

    def _evict(self, n_bytes: int, sparing: Path | None) -> bool:
        """Make room for so many more bytes; False where that cannot be. `sparing` stays."""
        if self._folder is None:
            return False
        sizes = {place: _size(place) for place in self._places()}
        used = sum(sizes.values())
        free = shutil.disk_usage(self._folder).free if self._folder.is_dir() else 0
        allowed = min(self._quota, used + free - self._spare) - n_bytes
        for place in sorted(sizes, key=_used_at):
            if used <= allowed:
                break
            if place != sparing:
                _remove(place)
                used -= sizes[place]
        return used <= allowed


class Draft:
    """A snapshot that is being written: its pieces one by one, then `finish` or `discard`."""

    def __init__(self, tier: DiskTier, place: Path, n_forgotten: int) -> None:
        """See `DiskTier.begin`."""
        self.place = place
        self.n_forgotten = n_forgotten
        self._tier = tier
        self._written: list[DiskPiece] = []

    def write(self, span: Span, state: State) -> DiskPiece:
        """Write a piece.

        Raises:
            OSError: the disk is full or fails. Nothing of the piece is left.
        """
        crc = zlib.crc32(state)
        path = self.place / f"{span[0]:06}-{span[1]:06}-{crc:08x}{_PIECE_SUFFIX}"
        part = path.with_suffix(_PART_SUFFIX)
        try:
            with open(part, "wb", buffering=0, opener=_private) as file:
                _write_all(file.fileno(), memoryview(state).cast("B"))
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        piece = DiskPiece(path, span, len(state), crc)
        self._written.append(piece)
        return piece

    def finish(self, snapshot: Snapshot) -> bool:
        """Let `snapshot`, whose pieces are all of this folder, take the place of the one before. False where chats were
        forgotten meanwhile.

        Raises:
            OSError: the disk is full or fails.
        """
        pieces = [
            _PieceEntry(piece.path.name, piece.span, piece.n_bytes, piece.crc)
            for piece in snapshot.pieces
            if isinstance(piece, DiskPiece)
        ]
        return self._tier._finish(self, _Index(list(snapshot.ids), list(snapshot.fragments), pieces))

    def discard(self) -> None:
        """Delete what was written, and leave the snapshot of before."""
        index = _read_index(self.place)
        named = {entry.name for entry in index.pieces} if index else set()
        for piece in self._written:
            if piece.path.name not in named:
                with contextlib.suppress(OSError):
                    piece.path.unlink(missing_ok=True)
        _remove_if_empty(self.place)


# --- Files ----------------------------------------------------------------------------------------------------------


def _chat_name(chat: str) -> str:
    return hashlib.blake2b(chat.encode(), digest_size=10).hexdigest()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _read_index(place: Path) -> _Index | None:
    """The index of a snapshot; None where there is none or it is damaged, and then the snapshot is deleted."""
    try:
        data = (place / _INDEX).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        _log.info("A snapshot cannot be read: %s", error.strerror)
        return None
    body = data[_CRC_BYTES:]
    try:
        if zlib.crc32(body).to_bytes(_CRC_BYTES, "little") == data[:_CRC_BYTES]:
            return msgspec.json.decode(body, type=_Index)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    _log.info("A snapshot is damaged: it is deleted")
    _remove(place)
    return None


def _write_index(place: Path, index: _Index) -> None:
    body = msgspec.json.encode(index)
    part = place / (_INDEX + _PART_SUFFIX)
    try:
        with open(part, "wb", buffering=0, opener=_private) as file:
            _write_all(file.fileno(), memoryview(zlib.crc32(body).to_bytes(_CRC_BYTES, "little") + body))
        part.replace(place / _INDEX)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _tidy(place: Path) -> None:
    """Delete what the index does not name."""
    index = _read_index(place)
    named = {_INDEX, *(entry.name for entry in index.pieces)} if index else set()
    with contextlib.suppress(OSError):
        for path in place.iterdir():
            if path.name not in named:
                path.unlink(missing_ok=True)
    _remove_if_empty(place)


def _remove(place: Path) -> None:
    # The index first: without it the rest is nothing, should this be cut short.
    with contextlib.suppress(OSError):
        (place / _INDEX).unlink(missing_ok=True)
    shutil.rmtree(place, ignore_errors=True)
    _remove_if_empty(place.parent)


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _size(place: Path) -> int:
    with contextlib.suppress(OSError):
        return sum(entry.stat().st_size for entry in os.scandir(place))
    return 0


def _used_at(place: Path) -> float:
    with contextlib.suppress(OSError):
        return (place / _INDEX).stat().st_mtime
    return 0.0
