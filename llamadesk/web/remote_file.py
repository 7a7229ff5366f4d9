"""A file that lies on a server, read here and there by range requests, as if it lay here."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, BinaryIO, Final, NoReturn

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.web.basics import network_problem
from llamadesk.web.connection import Answer, Connection, ConnectionLostError
from llamadesk.web.refusals import refusal

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_FIRST_BYTES: Final = 512 * 1024
"""Of the first request: about as long as the header of a model with a small vocabulary."""
_MOST_BYTES_AT_ONCE: Final = 4 * 1024 * 1024
_BUFFER_BYTES: Final = 64 * 1024
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def open_remote(connection: Connection, url: str, size: int, most_bytes: int) -> BinaryIO:
    """The file at `url`, to be read and sought in; nothing is asked for before it is read.

    What comes next is asked for together, twice as much each time, so that neither a short header costs much nor a long
    one many requests. What was read last is kept, so going back a little costs nothing.

    Reading raises a ProblemError: those of `Connection.open` and `refusals.refusal`, NETWORK_FAILED where the server
    gives something else than was asked for, MODEL_DAMAGED where more than `most_bytes` are wanted.

    Args:
        size: of the whole file in bytes, as the hub says.
        most_bytes: that are ever fetched.
    """
    return io.BufferedReader(_RemoteFile(connection, url, size, most_bytes), _BUFFER_BYTES)


class _RemoteFile(io.RawIOBase):
    """Keeps what it fetched as one stretch; what lies elsewhere starts a new one."""

    def __init__(self, connection: Connection, url: str, size: int, most_bytes: int) -> None:
        super().__init__()
        self._connection = connection
        self._url = url
        self._size = size
        self._bytes_left = most_bytes
        self._position = 0
        self._kept = bytearray()
        self._kept_from = 0  # in the file
        self._next_bytes = _FIRST_BYTES
        self._etag = ""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"position {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if self._position >= self._size:
            return 0
        if not self._kept_from <= self._position <= self._kept_end:
            self._kept.clear()
            self._kept_from = self._position
            self._next_bytes = _FIRST_BYTES
        if self._position == self._kept_end:
            self._fetch()
        start = self._position - self._kept_from
        view = memoryview(buffer).cast("B")
        piece = self._kept[start : start + len(view)]
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    @property
    def _kept_end(self) -> int:
        return self._kept_from + len(self._kept)

    def _fetch(self) -> None:
        """Lengthens what is kept by one request."""
        first = self._kept_end
        n_bytes = min(self._next_bytes, self._size - first, self._bytes_left)
        if n_bytes <= 0:
            raise ProblemError(
                Problem(
                    ProblemCode.MODEL_DAMAGED,
                    "The beginning of this file is longer than that of any known model, so it was not read further.",
                    "Choose another file.",
                )
            )
        headers = {"Range": f"bytes={first}-{first + n_bytes - 1}"}
        if self._etag:
            headers["If-Range"] = self._etag
        with self._connection.open("GET", self._url, headers) as answer:
            self._check(answer, first, n_bytes)
            left = n_bytes
            while left and (piece := answer.read(left)):
                self._kept += piece
                left -= len(piece)
        if left:
            raise ConnectionLostError(network_problem("The connection was lost.", f"{left} bytes are missing"))
        self._bytes_left -= n_bytes
        self._next_bytes = min(2 * self._next_bytes, _MOST_BYTES_AT_ONCE)

    def _check(self, answer: Answer, first: int, n_bytes: int) -> None:
        """Whether it is what was asked for, of the same file as before."""
        if not 200 <= answer.status < 300:
            raise refusal(answer.status, answer.headers)
        etag = answer.headers.get("ETag", "")
        if self._etag and etag != self._etag:
            _refuse("The file was changed on the hub while it was read.", f"{self._etag} {etag}")
        said = answer.headers.get("Content-Range", "")
        match = _CONTENT_RANGE.fullmatch(said)
        promised = (first, first + n_bytes - 1, self._size)
        if answer.status != 206 or match is None or tuple(map(int, match.groups())) != promised:
            _refuse("The server did not give the part of the file that was asked for.", f"{answer.status} {said}")
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            _refuse("The server gave the file in another form than it is stored in.", "it is compressed")
        self._etag = "" if etag.startswith("W/") else etag  # a weak one says nothing of single bytes


def _refuse(title: str, detail: str) -> NoReturn:
    raise ProblemError(network_problem(title, detail, "Try again later, or choose another file."))
