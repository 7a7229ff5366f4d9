"""What went wrong with the file of chats, in words for a person.

Trouble of the environment (a full disk, a folder that cannot be written, a damaged file) becomes a `Problem`. Every
other error is a bug and passes unchanged.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llamadesk.core.errors import Problem, ProblemCode, ProblemError

DATABASE_ERRORS = (sqlite3.DatabaseError, UnicodeDecodeError, MemoryError)
"""What a damaged database may raise.

The second comes from Python, where damaged bytes are in SQLite's own message; the third is what Python makes of
SQLITE_NOMEM, where damaged bytes tell a size.
"""

_SQLITE_CODES = {
    sqlite3.SQLITE_FULL: ProblemCode.STORE_FULL,
    sqlite3.SQLITE_READONLY: ProblemCode.STORE_READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: ProblemCode.STORE_READ_ONLY,
    sqlite3.SQLITE_PERM: ProblemCode.STORE_READ_ONLY,
    sqlite3.SQLITE_BUSY: ProblemCode.STORE_IN_USE,
    sqlite3.SQLITE_LOCKED: ProblemCode.STORE_IN_USE,
    sqlite3.SQLITE_PROTOCOL: ProblemCode.STORE_IN_USE,
    sqlite3.SQLITE_IOERR: ProblemCode.STORE_FAILED,
    sqlite3.SQLITE_TOOBIG: ProblemCode.STORE_FAILED,
}

_OS_CODES = {
    errno.ENOSPC: ProblemCode.STORE_FULL,
    errno.EDQUOT: ProblemCode.STORE_FULL,
    errno.EROFS: ProblemCode.STORE_READ_ONLY,
    errno.EACCES: ProblemCode.STORE_READ_ONLY,
    errno.EPERM: ProblemCode.STORE_READ_ONLY,
    errno.ENOTDIR: ProblemCode.STORE_READ_ONLY,
    errno.EEXIST: ProblemCode.STORE_READ_ONLY,  # a file lies where the folder should be
}

_WORDS = {
    ProblemCode.STORE_FULL: (
        "The disk is full, so this could not be saved.",
        "Free some space on the disk that holds {folder}, then try again. What was saved before is safe.",
    ),
    ProblemCode.STORE_READ_ONLY: (
        "LlamaDesk may not write to the folder of your chats.",
        "Allow writing to {folder}, or start LlamaDesk with another folder (--data-dir).",
    ),
    ProblemCode.STORE_DAMAGED: (
        "The file with your chats is damaged.",
        "Close LlamaDesk and start it again: it then saves everything that can still be read.",
    ),
    ProblemCode.STORE_NEWER: (
        "Your chats were saved by a newer version of LlamaDesk.",
        "Update LlamaDesk to open them. Nothing was changed.",
    ),
    ProblemCode.STORE_IN_USE: (
        "Your chats are already open in another LlamaDesk.",
        "Use the window that is open, or close it first.",
    ),
    ProblemCode.STORE_FAILED: (
        "Your chats could not be read or written.",
        "Check that the disk with {folder} is connected and works, then start LlamaDesk again.",
    ),
}


def store_problem(code: ProblemCode, folder: Path, detail: str = "") -> Problem:
    """The words for one of the STORE_ codes."""
    title, advice = _WORDS[code]
    return Problem(code, title, advice.format(folder=folder), detail)


def primary_code(error: BaseException) -> int | None:
    """SQLite's own code of the error without its extension; None where SQLite gave none."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


def is_damage(error: BaseException) -> bool:
    """Whether the error says that the database file is damaged or none at all."""
    damage = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return isinstance(error, UnicodeDecodeError) or primary_code(error) in damage


def problem_from(error: sqlite3.Error | UnicodeDecodeError | MemoryError | OSError, folder: Path) -> Problem | None:
    """The error as a `Problem`; None where it is no trouble of the environment, but a bug."""
    if isinstance(error, MemoryError):
        return store_problem(ProblemCode.STORE_FAILED, folder, "no memory, or a damaged size in the file")
    if isinstance(error, OSError):
        code = _OS_CODES.get(error.errno or 0, ProblemCode.STORE_FAILED)
        return store_problem(code, folder, f"{type(error).__name__}: {error}")
    found = ProblemCode.STORE_DAMAGED if is_damage(error) else _SQLITE_CODES.get(primary_code(error) or 0)
    if found is None:
        return None
    return store_problem(found, folder, f"{getattr(error, 'sqlite_errorname', '')}: {error}")


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Raise trouble of the environment inside the block as `ProblemError`."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError, MemoryError, OSError) as error:
        problem = problem_from(error, folder)
        if problem is None:
            raise
        raise ProblemError(problem) from error
