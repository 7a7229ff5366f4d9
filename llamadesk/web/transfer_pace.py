"""How fast a download goes: measured, held back, and tried again later. The clock is the caller's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from llamadesk.core.errors import ProblemError

Clock = Callable[[], float]
"""Seconds since some moment; never goes back."""
Limit = Callable[[], int]
"""Bytes per second, 0 for no limit; asked at each step, for it may change on the way."""

_SPEED_OVER_SECONDS: Final = 5.0
_SAMPLE_SECONDS: Final = 0.2
_LIMITED_READS_PER_SECOND: Final = 10
_SMALLEST_READ_BYTES: Final = 4 * 1024
_READ_BYTES: Final = 320 * 1024

MOST_TRIES: Final = 10
"""In a row, without one byte that was not there before."""
MOST_WRONG_ANSWERS: Final = 3
"""Likewise, where an answer came but was not what was asked for."""
_FIRST_WAIT_SECONDS: Final = 1.0
_LONGEST_WAIT_SECONDS: Final = 60.0
_LONGEST_TOLD_WAIT_SECONDS: Final = 15 * 60.0


class TryAgainError(Exception):
    """This request came to nothing or broke off; another one may do better.

    Attributes:
        told: what a person is told where no other does.
        wait_seconds: how long the server wants to be left alone.
        wrong: an answer came that cannot be right, so that few more tries are worth while.
    """

    def __init__(self, told: ProblemError, wait_seconds: float = 0.0, wrong: bool = False) -> None:
        super().__init__(str(told))
        self.told = told
        self.wait_seconds = wait_seconds
        self.wrong = wrong


class Patience:
    """How often, and how long after each other, requests are made that come to nothing."""

    def __init__(self) -> None:
        self._furthest = -1
        self._n_failed = 0
        self._n_wrong = 0

    def wait_after(self, failure: TryAgainError, position: int) -> float:
        """How many seconds to wait before the next request.

        Args:
            position: how far the download has come; bytes that are new give new patience.

        Raises:
            ProblemError: what `failure` tells: no other request is worth it.
        """
        if position > self._furthest:
            self._furthest = position
            self._n_failed = self._n_wrong = 0
        self._n_failed += 1
        self._n_wrong += failure.wrong
        if (
            self._n_failed >= MOST_TRIES
            or self._n_wrong >= MOST_WRONG_ANSWERS
            or failure.wait_seconds > _LONGEST_TOLD_WAIT_SECONDS
        ):
            raise failure.told from failure
        return max(min(_FIRST_WAIT_SECONDS * (1 << (self._n_failed - 1)), _LONGEST_WAIT_SECONDS), failure.wait_seconds)


class Speed:
    """Bytes per second over the last few seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._n_bytes = 0
        self._samples: deque[tuple[float, int]] = deque()
        self.start()

    def start(self) -> None:
        """Begin anew, after a pause."""
        self._samples.clear()
        self._samples.append((self._clock(), self._n_bytes))

    def count(self, n_bytes: int) -> None:
        """So many have come."""
        self._n_bytes += n_bytes
        now = self._clock()
        if now - self._samples[-1][0] >= _SAMPLE_SECONDS:
            self._samples.append((now, self._n_bytes))
        while len(self._samples) > 2 and now - self._samples[1][0] > _SPEED_OVER_SECONDS:
            self._samples.popleft()

    def per_second(self) -> float:
        """0.0 where it cannot be told yet."""
        moment, n_bytes = self._samples[0]
        seconds = self._clock() - moment
        return (self._n_bytes - n_bytes) / seconds if seconds > 0 else 0.0


class Brake:
    """Holds a download back to a number of bytes per second; 0 is no limit."""

    def __init__(self, limit: int | Limit, clock: Clock) -> None:
        self._limit = limit if callable(limit) else lambda: limit
        self._clock = clock
        self._free_at = clock()

    @property
    def read_bytes(self) -> int:
        """How much to read at once, so that it comes evenly."""
        limit = self._limit()
        if not limit:
            return _READ_BYTES
        return min(max(limit // _LIMITED_READS_PER_SECOND, _SMALLEST_READ_BYTES), _READ_BYTES)

    def wait_after(self, n_bytes: int) -> float:
        """How many seconds to wait after so many bytes."""
        limit = self._limit()
        if not limit:
            return 0.0
        now = self._clock()
        # What a slow server did not use is not made up for later: the line is lent to somebody else.
        self._free_at = max(self._free_at, now) + n_bytes / limit
        return self._free_at - now
