"""Writes a file that is being downloaded, on a thread of its own while more of it comes.

Fetching and hashing take about as long together as writing does, so that on two processors each is hidden by the other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import BinaryIO, Final, NamedTuple

_MOST_BEHIND: Final = 2
"""So many blocks may be fetched and not written: with one alone each thread would wait for the other at every block.
What is not written is lost with the process."""

Note = Callable[[int, str], None]
"""Is told that everything before a byte is in the file, and its hash."""


class _Job(NamedTuple):
    """Pieces that follow each other, where the first begins, and the hash of everything up to their end, to be noted;
    "" where it is not."""

    start: int
    pieces: Sequence[bytes]
    digest: str


class BackgroundWriter:
    """Writes what it is given, in order; starts a thread. All of its methods are called on one other.

    Args:
        file: unbuffered; nobody else uses it until this is settled.
        note: called on the thread, once what it tells of is written.
    """

    def __init__(self, file: BinaryIO, note: Note) -> None:
        self._file = file
        self._note = note
        # Both are as quick as can be: a download at full speed gives a thousand blocks and more in a second.
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._done: SimpleQueue[Exception | None] = SimpleQueue()
        self._n_behind = 0
        self._thread: threading.Thread | None = threading.Thread(target=self._work, name="download-write", daemon=True)
        self._thread.start()

    def add(self, start: int, pieces: Sequence[bytes], digest: str = "") -> None:
        """Write pieces that follow each other to the byte `start`, and note the `digest` of everything up to their end
        where one is given: in a moment. Waits while too much is to be done already.

        Raises:
            OSError: something could not be written or noted, and nothing more is.
        """
        while self._n_behind >= _MOST_BEHIND:
            self._wait_for_one()
        self._jobs.put(_Job(start, pieces, digest))
        self._n_behind += 1

    def settle(self) -> None:
        """Wait until everything is written and noted.

        Raises:
            OSError: something could not be, and nothing more is.
        """
        while self._n_behind:
            self._wait_for_one()

    def close(self) -> None:
        """End the thread, with what it still has to do."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            thread.join()

    def _wait_for_one(self) -> None:
        failure = self._done.get()
        self._n_behind -= 1
        if failure is not None:
            raise failure

    def _work(self) -> None:
        failure: Exception | None = None
        while (job := self._jobs.get()) is not None:
            if failure is None:
                try:
                    self._write(job)
                except Exception as error:  # told to whoever waits
                    failure = error
            self._done.put(failure)

    def _write(self, job: _Job) -> None:
        end = self._file.seek(job.start)
        for piece in job.pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[self._file.write(rest) :]
            end += len(piece)
        if job.digest:
            self._note(end, job.digest)
