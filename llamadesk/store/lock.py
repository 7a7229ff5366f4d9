"""One live app for each folder of data."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.store.problems import store_problem

if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


_HELD_BY_ANOTHER = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)


class FolderLock:
    """Held by the operating system for as long as the process lives: a crash cannot leave it behind.

    SQLite's own exclusive lock is taken as well, but it exists only while the database is open, and the database is
    looked at, salvaged and replaced before that.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            ProblemError: STORE_IN_USE, another process or another store of this process has it.
            OSError: the file of the lock cannot be made.
        """
        self._fd: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(self._fd)
        except OSError as error:
            self.release()
            if error.errno in _HELD_BY_ANOTHER:
                raise ProblemError(store_problem(ProblemCode.STORE_IN_USE, path.parent, str(error))) from error
            # A file system without such locks: SQLite's own still guards the database.
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                raise

    def release(self) -> None:
        """Let others in; may be called again."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
