"""The engine's standard error, as lines in our log."""

from __future__ import annotations

import logging
import time
from collections import deque

_log = logging.getLogger("llamadesk.engine")

_MAX_LINE_BYTES = 2000
_LINES_A_SECOND = 200
_TAIL_LINES = 8


class EngineLog:
    """Turns bytes into log lines, and stays small and quick whatever comes: a long line is cut, and of more than
    `_LINES_A_SECOND` lines the rest of the second is only counted."""

    def __init__(self) -> None:
        self._partial = bytearray()
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._second = 0
        self._n_in_second = 0
        self._n_dropped = 0

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines, oldest first."""
        return tuple(self._tail)

    def feed(self, data: bytes) -> None:
        """Log the lines that are whole now."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._extend(line)
            self._end_line()
        self._extend(rest)

    def close(self) -> None:
        """Log what is left."""
        if self._partial:
            self._end_line()
        self._tell_dropped()

    def _extend(self, data: bytes) -> None:
        self._partial += data[: _MAX_LINE_BYTES - len(self._partial)]

    def _end_line(self) -> None:
        line = self._partial.decode("utf-8", "replace").rstrip()
        self._partial.clear()
        if not line:
            return
        self._tail.append(line)
        second = int(time.monotonic())
        if second != self._second:
            self._tell_dropped()
            self._second, self._n_in_second = second, 0
        self._n_in_second += 1
        if self._n_in_second <= _LINES_A_SECOND:
            _log.info("%s", line)
        else:
            self._n_dropped += 1

    def _tell_dropped(self) -> None:
        if self._n_dropped:
            _log.info("... and %d more lines", self._n_dropped)
            self._n_dropped = 0
