"""What is on the disk of a file that is being downloaded: `NAME.part`, and `NAME.part.json`, which tells its worth.

The second is lines of JSON that are only ever appended: wherever the writing ends, at most the last line is torn, and a
torn line counts for nothing. One line says what is being downloaded; each other is a *check*: the SHA-256 of all that
comes before some byte (a prefix, not a block alone, so that it costs nothing beside the hash of the whole). From check
to check the first damaged block shows, is fetched again, and the next check tells whether all is well from there on.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Protocol, Self

import msgspec

from llamadesk.core.disk import sync_folder
from llamadesk.web.transfer_writer import BackgroundWriter

BLOCK_BYTES: Final = 320 * 1024
"""How far apart the checks lie. A kill costs at most three blocks, and these are less than 1 MB: two that are being
written, and the one that is being fetched."""

READ_BYTES: Final = 1024 * 1024
_CHECK_HEX_DIGITS: Final = 32  # 128 bits of each SHA-256: they guard against chance, the whole one against malice
_LONGEST_LINE: Final = 4096

Tick = Callable[[int], object]
"""Called every now and then during long work on a file, with the byte that was reached; may raise to end it."""


class Hasher(Protocol):
    """What hashlib gives."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Go on over `data`."""

    def hexdigest(self) -> str:
        """The hash of all of it so far."""

    def copy(self) -> Hasher:
        """One that goes on from here by itself."""


def part_of(target: Path) -> Path:
    """Where the bytes lie until all of them are there."""
    return target.with_name(target.name + ".part")


def record_of(target: Path) -> Path:
    """Where it is written what they are worth."""
    return target.with_name(target.name + ".part.json")


def kept_bytes(target: Path) -> int:
    """How much of an unfinished download lies on the disk, without a look at whether it is right; 0 without one."""
    try:
        return part_of(target).stat().st_size if record_of(target).is_file() else 0
    except OSError:
        return 0


def discard(target: Path) -> None:
    """Give up a download that is not running: what has come of it is deleted.

    Raises:
        OSError: it cannot be deleted.
    """
    part_of(target).unlink(missing_ok=True)
    record_of(target).unlink(missing_ok=True)


def noted_hash(record: Path) -> str:
    """The SHA-256, in small hexadecimal, of the file that a record is of; "" where it cannot be read.

    Args:
        record: a file that `Part.finish` has made, or one of `record_of`.
    """
    try:
        with record.open("rb") as file:
            first = file.readline(_LONGEST_LINE)
        return msgspec.json.decode(first, type=_Origin).sha256
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return ""


class _Origin(msgspec.Struct, frozen=True):
    """What is being downloaded, and what the server calls it."""

    size: int
    sha256: str
    block: int
    etag: str


_Check = tuple[int, str]


class Record:
    """The file `.part.json`, open.

    Attributes:
        checks: by the byte before which each ends: a part of the hash of everything up to there.
    """

    def __init__(self, path: Path, size: int, sha256: str, block_bytes: int = BLOCK_BYTES) -> None:
        """Go on with what is there, if it belongs to this file.

        Raises:
            OSError: it cannot be read or written.
        """
        self._path = path
        self._origin = _Origin(size, sha256, block_bytes, "")
        self.checks: dict[int, str] = {}
        path.touch()
        self._file = path.open("r+b", buffering=0)
        try:
            self._load()
        except OSError:
            self._file.close()
            raise

    @property
    def etag(self) -> str:
        """Of the answers that the bytes come from; "" where it is not known, or is none to rely on."""
        return self._origin.etag

    def begin(self, etag: str) -> None:
        """Forget the checks: from now on the bytes are those of another answer."""
        self.checks.clear()
        self._file.seek(0)
        self._file.truncate()
        self._origin = msgspec.structs.replace(self._origin, etag=etag)
        self._append(self._origin)

    def note(self, end: int, digest: str) -> None:
        """Everything up to the byte `end` is on the disk and has this hash."""
        check = digest[:_CHECK_HEX_DIGITS]
        if self.checks.get(end) != check:
            self.checks[end] = check
            self._append((end, check))

    def confirms(self, end: int, digest: str) -> bool:
        """Whether that is what was noted."""
        return self.checks.get(end) == digest[:_CHECK_HEX_DIGITS]

    def kept(self) -> bytes:
        """All that is noted, for later: without the ETag, which need not be the same then."""
        facts = (msgspec.structs.replace(self._origin, etag=""), *sorted(self.checks.items()))
        return b"".join(msgspec.json.encode(fact) + b"\n" for fact in facts)

    def close(self) -> None:
        """Close the file; it stays."""
        self._file.close()

    def _append(self, line: _Origin | _Check) -> None:
        # At once, and in one call: a process that is killed leaves a line or none.
        self._file.write(msgspec.json.encode(line) + b"\n")

    def _load(self) -> None:
        whole = self._file.read()
        end = whole.rfind(b"\n") + 1
        belongs = False
        for line in whole[:end].splitlines():
            try:
                fact = msgspec.json.decode(line, type=_Origin | _Check)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue  # damaged: what it told is not known
            if isinstance(fact, _Origin):
                belongs = msgspec.structs.replace(fact, etag="") == msgspec.structs.replace(self._origin, etag="")
                self._origin = fact if belongs else self._origin
                self.checks.clear()
            else:
                self.checks[fact[0]] = fact[1]
        if not belongs:
            self.begin("")
        else:
            self._file.seek(end)
            self._file.truncate()


class Part:
    """The file `.part`, open, and its hash up to `position`.

    Attributes:
        position: everything before it is hashed, and on the disk once it is settled.

    Args:
        target: what the file will be called in the end.
        size: in bytes, of the whole.
        sha256: of the whole, in hexadecimal; "" where it is not known.
        block_bytes: how far apart the checks lie.

    Raises:
        OSError: from everything here, as files do.
    """

    def __init__(self, target: Path, size: int, sha256: str, block_bytes: int = BLOCK_BYTES) -> None:
        self._target = target
        self._size = size
        self._block_bytes = block_bytes
        self.position = 0
        self._hasher: Hasher = hashlib.sha256()
        self._damaged_in_a_row = 0
        self._unwritten: list[bytes] = []
        self._n_unwritten = 0
        self._record = Record(record_of(target), size, sha256, block_bytes)
        try:
            part_of(target).touch()
            self._file: BinaryIO = part_of(target).open("r+b", buffering=0)
        except OSError:
            self._record.close()
            raise
        self._writer = BackgroundWriter(self._file, self._record.note)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the files; they stay."""
        self._writer.close()
        self._file.close()
        self._record.close()

    @property
    def etag(self) -> str:
        """Of the answers that the bytes come from; "" where it is not known, or is none to rely on."""
        return self._record.etag

    @property
    def missing_on_disk(self) -> int:
        """How many bytes longer the file will become."""
        return max(0, self._size - os.fstat(self._file.fileno()).st_size)

    @property
    def room(self) -> int:
        """How many bytes there are to the end of the block: at most so many are to be written at once."""
        return self._block_bytes - self.position % self._block_bytes

    @property
    def complete(self) -> bool:
        """Whether nothing is missing any more."""
        return self.position == self._size

    def take_known(self, tick: Tick) -> None:
        """Go on over everything that is on the disk already and is what was noted of it."""
        while (end := self._next_check()) is not None:
            hasher = self._hasher.copy()
            self._file.seek(self.position)
            _feed(hasher, self._file, self.position, end, tick)
            if not self._record.confirms(end, hasher.hexdigest()):
                self._damaged_in_a_row += 1
                return
            self._damaged_in_a_row = 0
            self._hasher = hasher
            self.position = end

    def gap_end(self) -> int:
        """Where that which is to be fetched next ends, as far as can be told now.

        Behind a damaged block all may be well: so little is fetched, and the more the longer the damage goes on. Where
        nothing is noted of what lies behind, that is the end of the file.
        """
        blocks = self.position // self._block_bytes + (1 << max(0, self._damaged_in_a_row - 1))
        end = blocks * self._block_bytes
        return end if self._next_check(end) is not None else self._size

    def write(self, data: bytes) -> None:
        """Put what was fetched at `position`. Each block is written, and noted, on another thread once it is whole."""
        self._hasher.update(data)
        self.position += len(data)
        self._unwritten.append(data)
        self._n_unwritten += len(data)
        if self.room == self._block_bytes or self.complete:  # the end of one
            self._hand_over(self._hasher.hexdigest())

    def settle(self) -> None:
        """Wait until all that was fetched is written, and every block that is whole is noted."""
        self._hand_over("")
        self._writer.settle()

    def restart(self) -> None:
        """Go back to the first byte. What is noted still counts, for the same bytes may come again."""
        self.position = 0
        self._hasher = hashlib.sha256()
        self._damaged_in_a_row = 0

    def restart_with(self, etag: str) -> None:
        """Go back to the first byte, for other bytes are to come: those that the server calls `etag`."""
        self.restart()
        self._record.begin(etag)

    def hexdigest(self) -> str:
        """The SHA-256 of everything before `position`."""
        self.settle()
        return self._hasher.hexdigest()

    def finish(self, kept_record: Path | None = None) -> None:
        """Give the file its name, once all of it is certainly on the disk.

        Args:
            kept_record: where what was noted is to lie from now on; it is deleted where this is None.
        """
        self.settle()
        self._file.truncate(self._size)
        os.fsync(self._file.fileno())
        self.close()
        part_of(self._target).replace(self._target)
        sync_folder(self._target.parent)
        # From here on the file is there, whatever becomes of the notes.
        with suppress(OSError):
            if kept_record is not None:
                kept_record.parent.mkdir(parents=True, exist_ok=True)
                kept_record.write_bytes(self._record.kept())
            record_of(self._target).unlink()

    def _next_check(self, after: int | None = None) -> int | None:
        """The first byte behind `position` (or `after`) up to which the file is long enough and something is noted."""
        start = self.position if after is None else after
        on_disk = min(os.fstat(self._file.fileno()).st_size, self._size)
        end = start
        while end < on_disk:
            end = min((end // self._block_bytes + 1) * self._block_bytes, self._size)
            if end <= on_disk and end in self._record.checks:
                return end
        return None

    def _hand_over(self, digest: str) -> None:
        if self._unwritten:
            self._writer.add(self.position - self._n_unwritten, self._unwritten, digest)
            self._unwritten, self._n_unwritten = [], 0


def sha256_of(path: Path, tick: Tick) -> str:
    """The SHA-256 of a file, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    hasher = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        _feed(hasher, file, 0, path.stat().st_size, tick)
    return hasher.hexdigest()


def _feed(hasher: Hasher, file: BinaryIO, start: int, end: int, tick: Tick) -> None:
    """Hash what comes next in a file: from the byte `start` to before `end`, or what there is of it."""
    while start < end and (piece := file.read(min(end - start, READ_BYTES))):
        hasher.update(piece)
        start += len(piece)
        tick(start)
