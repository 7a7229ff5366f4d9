"""Walks through the first part of a GGUF file, bounded in time and memory whatever the file claims.

The file is read, not mapped: a mapped file that shrinks while it is read (a download that restarts, a stick that is
pulled out) would end the process.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, Final, NoReturn, cast

from llamadesk.core.errors import Problem, ProblemCode, ProblemError

Number = bool | int | float

_CHUNK_BYTES: Final = 256 * 1024
_MAX_HEADER_BYTES: Final = 128 * 1024 * 1024  # the longest known have about 30 MB
KEPT_TEXT_BYTES: Final = 4096
"""How much of a text is kept where nobody wants more of it."""

_U32: Final = struct.Struct("<I")
_U64: Final = struct.Struct("<Q")


def fail(code: ProblemCode, title: str, advice: str, detail: str = "") -> NoReturn:
    """End the reading with a problem."""
    raise ProblemError(Problem(code, title, advice, detail))


def damaged(detail: str) -> NoReturn:
    """End the reading: the file cannot be what its publisher made. `detail` is for the log."""
    fail(ProblemCode.MODEL_DAMAGED, "The model file is damaged or incomplete.", "Download it again.", detail)


def unsupported(title: str, advice: str, detail: str = "") -> NoReturn:
    """End the reading: the file is in order, and LlamaDesk cannot use it."""
    fail(ProblemCode.MODEL_UNSUPPORTED, title, advice, detail)


class Cursor:
    """Walks forward through a header, a chunk of it in memory at a time. Going past the end is damage.

    Whatever reads may raise ProblemError (MODEL_DAMAGED), or what the file itself raises.
    """

    def __init__(self, file: BinaryIO, file_size: int) -> None:
        self._file = file
        self.file_size = file_size
        self._end = min(file_size, _MAX_HEADER_BYTES)
        self._chunk = b""
        self._chunk_start = 0  # of the chunk, in the file
        self._at = 0  # in the chunk

    @property
    def position(self) -> int:
        """Bytes from the start of the file."""
        return self._chunk_start + self._at

    def take(self, n_bytes: int) -> bytes:
        """The next `n_bytes`, all of them in memory: the caller bounds them."""
        if self._at + n_bytes > len(self._chunk):
            self._refill(n_bytes)
        start = self._at
        self._at += n_bytes
        return self._chunk[start : self._at]

    def number(self, form: struct.Struct) -> Number:
        """The next number, of any form."""
        (value,) = form.unpack(self.take(form.size))
        return cast(Number, value)

    def u32(self) -> int:
        """The next number of 4 bytes."""
        return int(self.number(_U32))

    def u64(self) -> int:
        """The next number of 8 bytes."""
        return int(self.number(_U64))

    def name(self, longest: int) -> str:
        """The next text, which must be UTF-8 of at most `longest` bytes."""
        length = self.u64()
        if length > longest:
            damaged(f"a name of {length} bytes at {self.position}")
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError as error:
            damaged(f"a name is not UTF-8: {error}")

    def text(self, longest: int = KEPT_TEXT_BYTES) -> str:
        """The next text, cut at `longest` bytes; what is no UTF-8 in it is replaced."""
        length = self.u64()
        kept = min(length, longest)
        text = self.take(kept).decode("utf-8", errors="replace")
        self.skip(length - kept)
        return text

    def skip(self, n_bytes: int) -> None:
        """Steps over `n_bytes`."""
        if n_bytes > self._end - self.position:
            damaged(f"{n_bytes} bytes at {self.position} reach past the end of the header")
        self._at += n_bytes  # may lie beyond the chunk: the next take reads there

    def skip_strings(self, count: int) -> None:
        """Steps over `count` strings, each a length of 8 bytes and its text. This is where the time goes: a vocabulary
        has tens of thousands of them."""
        unpack_from = _U64.unpack_from
        while count:
            chunk, at = self._chunk, self._at
            last = len(chunk) - _U64.size
            while count and at <= last:
                at += _U64.size + unpack_from(chunk, at)[0]
                count -= 1
            self._at = at
            if self.position > self._end:
                damaged("a list of texts reaches past the end of the header")
            if count:
                self._refill(_U64.size)

    def _refill(self, n_bytes: int) -> None:
        position = self.position
        if n_bytes > self._end - position:
            damaged(f"the header ends at {self._end}; {n_bytes} bytes were expected at {position}")
        self._file.seek(position)
        chunk = self._file.read(max(n_bytes, _CHUNK_BYTES))
        while len(chunk) < n_bytes:  # a file system may give less than was asked for
            more = self._file.read(n_bytes - len(chunk))
            if not more:
                damaged("the file became shorter while it was read")
            chunk += more
        self._chunk, self._chunk_start, self._at = chunk, position, 0
