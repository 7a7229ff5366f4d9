"""Whether a model's files are what they were when they were published: read whole, and their hashes compared."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
from PySide6.QtCore import QObject, QTimer, Slot

from llamadesk.control.rooms import Rooms
from llamadesk.core.errors import ProblemError
from llamadesk.core.gguf_header import file_problem
from llamadesk.core.gguf_sets import read_whole_header
from llamadesk.core.model_page import CheckStage, FileCheck, FileHash, ModelPage, hash_in_name, judged
from llamadesk.state.model_page import ModelPageState

_log = logging.getLogger(__name__)
_TELL_MS: Final = 100
_PREFIX: Final = "check/"


class KeptCheck(msgspec.Struct, frozen=True):
    """What the store keeps of a check that came to its end; fields as those of `FileCheck`."""

    hashes: tuple[FileHash, ...]
    ended_at: int


class FileChecker(QObject):
    """Checks one model at a time, the one whose page is shown. What came of it is kept for as long as the files stay as
    they are."""

    def __init__(self, rooms: Rooms, state: ModelPageState, records: Path, parent: QObject | None = None) -> None:
        """`records`: the folder in which downloads keep what they know of finished files."""
        super().__init__(parent)
        self._rooms = rooms
        self._state = state
        self._records = records
        self._reading: _Reading | None = None
        self._timer = QTimer(self, interval=_TELL_MS)
        self._timer.timeout.connect(self._tell)

    def start(self, page: ModelPage) -> None:
        """Read the model's files from beginning to end, in place of whatever else is being read."""
        self.stop()
        reading = self._reading = _Reading(page.file.path, page.file.size_bytes)
        self._state.show_check(reading.check(CheckStage.READING))
        self._timer.start()
        self._rooms.tasks.start(self._run(reading, page.parts))

    async def kept(self, page: ModelPage) -> FileCheck | None:
        """What came of an earlier check of the same files; None where there was none."""
        kept: KeptCheck | None = None
        with contextlib.suppress(ProblemError):  # the store logs it; it can be checked again
            kept = await self._rooms.store.learned(await self._rooms.tasks.read(_key, page.parts), KeptCheck)
        if kept is None:
            return None
        size = page.file.size_bytes
        return FileCheck(page.file.path, judged(kept.hashes), size, size, kept.hashes, ended_at=kept.ended_at)

    def stop(self) -> None:
        """End it."""
        if self._reading is not None:
            self._reading.cancelled.set()

    async def _run(self, reading: _Reading, parts: Sequence[Path]) -> None:
        key = await self._rooms.tasks.read(_key, parts)  # of before: what is changed meanwhile is not what was read
        ended = await self._rooms.tasks.read_apart(_checked, reading, parts, self._records)
        if ended.ended_at:
            with contextlib.suppress(ProblemError):  # as above
                await self._rooms.store.learn(key, KeptCheck(ended.hashes, ended.ended_at))
        if self._reading is not reading:
            return  # another one is being read by now
        self._reading = None
        self._timer.stop()
        self._show(ended)

    @Slot()
    def _tell(self) -> None:
        if self._reading is not None:
            self._show(self._reading.check(CheckStage.READING))

    def _show(self, check: FileCheck) -> None:
        """Only on the page of that model: another one may be open by now."""
        page = self._state.page
        if page is not None and page.file.path == check.path:
            self._state.show_check(check)


@dataclass
class _Reading:
    """What the window and the thread that reads both look at.

    Attributes:
        path: of the model.
        total_bytes: of its files.
        done_bytes: written by the thread.
        cancelled: set by the window.
    """

    path: Path
    total_bytes: int
    done_bytes: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)

    def check(self, stage: CheckStage) -> FileCheck:
        """The check as it is now."""
        return FileCheck(self.path, stage, self.done_bytes, self.total_bytes)


class _CancelledError(Exception):
    """The person does not want to know any more."""


def _checked(reading: _Reading, parts: Sequence[Path], records: Path) -> FileCheck:
    """Read everything; blocking."""
    try:
        read_whole_header(reading.path)  # what is cut short or does not belong together need not be hashed
        hashes = _hashes(reading, parts, records)
    except _CancelledError:
        return reading.check(CheckStage.STOPPED)
    except ProblemError as error:
        _log.info("the check of a model file failed: %s", error)
        return msgspec.structs.replace(reading.check(CheckStage.FAILED), problem=error.problem)
    return msgspec.structs.replace(reading.check(judged(hashes)), hashes=hashes, ended_at=int(time.time()))


def _key(parts: Sequence[Path]) -> str:
    """Names this state of a model's files, and not their paths, which may tell of the person; blocking."""
    named = hashlib.blake2b(digest_size=16)
    for part in parts:
        with contextlib.suppress(OSError):  # one that is gone makes another state too
            state = part.stat()
            named.update(f"{part}\n{state.st_size}\n{state.st_mtime_ns}\n".encode(errors="replace"))
    return _PREFIX + named.hexdigest()


def _hashes(reading: _Reading, parts: Sequence[Path], records: Path) -> tuple[FileHash, ...]:
    from llamadesk.web.transfer import known_hash  # noqa: PLC0415 - only who checks a file needs it
    from llamadesk.web.transfer_state import sha256_of  # noqa: PLC0415

    hashes: list[FileHash] = []
    for part in parts:
        before = reading.done_bytes

        def tick(done: int, before: int = before) -> None:
            reading.done_bytes = before + done
            if reading.cancelled.is_set():
                raise _CancelledError

        try:
            found = sha256_of(part, tick)
            expected = hash_in_name(part.resolve()) or known_hash(records, part)
        except (OSError, ValueError) as error:
            raise ProblemError(file_problem(part, error)) from error
        hashes.append(FileHash(part.name, found, expected))
    return tuple(hashes)
