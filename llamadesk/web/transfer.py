"""One file, downloaded: in the end the right bytes lie under its name, or it is said why they do not.

Until then they lie in `NAME.part` (see `transfer_state`), from where any later run goes on, be it after a pause, a lost
connection or a killed process. Only what has the right SHA-256 is ever given the file's own name.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.sizes import bytes_text
from llamadesk.web.connection import ConnectionLostError
from llamadesk.web.transfer_answers import Answer, Asked, Opener, broken_off, given
from llamadesk.web.transfer_pace import Brake, Clock, Limit, Patience, Speed, TryAgainError
from llamadesk.web.transfer_state import BLOCK_BYTES, Part, discard, noted_hash, part_of, record_of, sha256_of

RESERVE_BYTES: Final = 200_000_000
"""So much of the disk is left free, for the chats and for everything else that is being written."""

_TELL_SECONDS: Final = 0.25


@dataclass(frozen=True)
class Wanted:
    """A file to download.

    Attributes:
        url: where it is asked for, each time anew: redirects to signed addresses expire.
        target: the file's own path here; its folder is made where it does not exist.
        size: in bytes, as the hub's list has it.
        sha256: in hexadecimal, as the hub's list has it; "" where it has none, and then only the length is checked.
        replace: whether another file of that name may be replaced, because the person said so.
    """

    url: str
    target: Path
    size: int
    sha256: str
    replace: bool = False


class Stage(StrEnum):
    """What a download does."""

    CHECKING = "checking"
    """Reads what is on the disk already."""
    DOWNLOADING = "downloading"
    WAITING = "waiting"
    """Something went wrong, and it will be tried again."""


@dataclass(frozen=True)
class Progress:
    """How far a download has come.

    Attributes:
        bytes_per_second: over the last few seconds; 0.0 where it cannot be told.
        seconds_left: None where it cannot be told.
        trouble: while waiting: what went wrong, in words for a person.
    """

    stage: Stage
    done_bytes: int
    total_bytes: int
    bytes_per_second: float = 0.0
    seconds_left: float | None = None
    trouble: str = ""


OnProgress = Callable[[Progress], None]
Wait = Callable[[threading.Event, float], object]
"""Waits for the event, at most so many seconds."""


class Transfer:
    """The download of one file; blocking, for a thread of its own.

    Args:
        connection: to the hub.
        wanted: what to download.
        records: a folder where the hashes of finished files are kept, so that one which is damaged later can be
            repaired instead of downloaded again; None keeps none.
        reserve_bytes: how much of the disk is left free.
        block_bytes: how far apart the checks lie; a damaged place costs one or a few of them.
        clock: seconds, for the speed.
        wait: how to wait.
    """

    def __init__(
        self,
        connection: Opener,
        wanted: Wanted,
        *,
        records: Path | None = None,
        reserve_bytes: int = RESERVE_BYTES,
        block_bytes: int = BLOCK_BYTES,
        clock: Clock = time.monotonic,
        wait: Wait = threading.Event.wait,
    ) -> None:
        self._connection = connection
        self._wanted = wanted
        self._sha256 = wanted.sha256.lower()
        self._kept_record = _kept_record(records, self._sha256, wanted.target) if records is not None else None
        self._reserve_bytes = reserve_bytes
        self._block_bytes = block_bytes
        self._clock = clock
        self._wait = wait

    def run(self, on_progress: OnProgress, cancel: threading.Event, limit: int | Limit = 0) -> bool:
        """Download what is still missing.

        Args:
            on_progress: called a few times a second, on this thread.
            cancel: ends it, as soon as the server says something or its silence has lasted too long. What has arrived
                stays, and a later run goes on from there; `transfer_state.discard` deletes it.
            limit: in bytes per second, 0 for none; or what tells it, also on the way.

        Returns:
            Whether the file is there; False where it was cancelled.

        Raises:
            ProblemError: one of the HUB_ codes, NETWORK_FAILED, or one of the DOWNLOAD_ codes.
        """
        watch = _Watch(on_progress, cancel, self._wanted.size, self._clock, self._wait)
        try:
            if not self._is_there(watch):
                self._get(watch, Brake(limit, self._clock))
        except _CancelledError:
            return False
        except OSError as error:
            raise ProblemError(_disk_problem(error, self._wanted)) from error
        watch.tell(Stage.DOWNLOADING, self._wanted.size)
        return True

    def _is_there(self, watch: _Watch) -> bool:
        """Whether the right file lies under the name. Raises ProblemError where another one does, and must stay."""
        target = self._wanted.target
        try:
            there = target.stat()
        except FileNotFoundError:
            return False
        regular = stat.S_ISREG(there.st_mode)
        if regular and there.st_size == self._wanted.size:
            if not self._sha256 or sha256_of(target, lambda done: watch.tick(Stage.CHECKING, done)) == self._sha256:
                discard(target)  # what a kill just after the end left behind
                return True
            if self._kept_record is not None and self._kept_record.is_file():
                self._take_over(self._kept_record)
                return False
        if not (regular and self._wanted.replace):
            raise ProblemError(_name_taken(target))
        return False

    def _take_over(self, kept_record: Path) -> None:
        """Make an unfinished download of a damaged file, so that only what is damaged is fetched."""
        target = self._wanted.target
        if not part_of(target).exists():
            self._ask_for_space(self._wanted.size)
            shutil.copyfile(target, part_of(target))
            shutil.copyfile(kept_record, record_of(target))

    def _get(self, watch: _Watch, brake: Brake) -> None:
        wanted = self._wanted
        wanted.target.parent.mkdir(parents=True, exist_ok=True)
        patience = Patience()
        from_one_answer = restarted = False
        with Part(wanted.target, wanted.size, self._sha256, self._block_bytes) as part:
            while True:
                part.take_known(lambda done: watch.tick(Stage.CHECKING, done))
                if part.complete:
                    if self._sha256 in ("", part.hexdigest()):
                        part.finish(self._kept_record)
                        return
                    if from_one_answer or restarted:
                        part.close()
                        discard(wanted.target)
                        raise ProblemError(_damaged())
                    # Pieces that do not belong together: once more, from the first byte.
                    part.restart_with("")
                    restarted, patience = True, Patience()
                self._ask_for_space(part.missing_on_disk)
                try:
                    from_one_answer = self._fetch(part, watch, brake)
                except TryAgainError as failure:
                    seconds = patience.wait_after(failure, part.position)
                    watch.tell(Stage.WAITING, part.position, failure.told.problem.title)
                    watch.pause(seconds)
                    watch.speed.start()

    def _fetch(self, part: Part, watch: _Watch, brake: Brake) -> bool:
        """Fetch the next piece that is missing; returns whether that was everything from the first byte on.

        Raises:
            TryAgainError: not all of it came.
        """
        if not part.etag and not self._sha256:
            part.restart_with("")  # nothing would tell that two pieces belong together
        asked = Asked(part.position, part.gap_end(), self._wanted.size, part.etag)
        answer = self._open(asked)
        try:
            found = given(answer, asked)
            if found.changed:
                part.restart_with(found.etag)
                if found.first != 0:
                    raise TryAgainError(_changed())
            elif found.first != asked.first:
                part.restart()
            first = part.position
            end = asked.end if first == asked.first else asked.size
            while part.position < end:
                data = _read(answer, min(brake.read_bytes, part.room, end - part.position), part.position)
                part.write(data)
                if watch.count(len(data), part.position):
                    self._ask_for_space(part.missing_on_disk)
                watch.pause(brake.wait_after(len(data)))
            return first == 0 and end == asked.size
        finally:
            answer.close()
            part.settle()

    def _open(self, asked: Asked) -> Answer:
        try:
            return self._connection.open("GET", self._wanted.url, asked.headers())
        except ConnectionLostError as error:
            raise TryAgainError(error) from error

    def _ask_for_space(self, n_bytes: int) -> None:
        """Raises ProblemError where there is not so much room on the disk, and some to spare."""
        free = shutil.disk_usage(self._wanted.target.parent).free
        if n_bytes + self._reserve_bytes > free:
            raise ProblemError(_no_space(self._wanted, f"{n_bytes} bytes to go, {free} bytes free"))


class _CancelledError(Exception):
    """The person wants it to end, for now or for good."""


class _Watch:
    """Tells how a download goes on, and is told when to end it."""

    def __init__(
        self, on_progress: OnProgress, cancel: threading.Event, total_bytes: int, clock: Clock, wait: Wait
    ) -> None:
        self._on_progress = on_progress
        self._cancel = cancel
        self._total_bytes = total_bytes
        self._clock = clock
        self._wait = wait
        self._told_at = clock() - _TELL_SECONDS
        self.speed = Speed(clock)

    def tell(self, stage: Stage, done_bytes: int, trouble: str = "") -> None:
        """Report now."""
        self._told_at = self._clock()
        speed = self.speed.per_second() if stage is Stage.DOWNLOADING else 0.0
        left = (self._total_bytes - done_bytes) / speed if speed > 0 else None
        self._on_progress(Progress(stage, done_bytes, self._total_bytes, speed, left, trouble))

    def tick(self, stage: Stage, done_bytes: int) -> bool:
        """Report if it is time, and return whether it was. Raises _CancelledError."""
        self._end_if_cancelled()
        if self._clock() - self._told_at < _TELL_SECONDS:
            return False
        self.tell(stage, done_bytes)
        return True

    def count(self, n_bytes: int, done_bytes: int) -> bool:
        """So many have come; else as `tick`."""
        self.speed.count(n_bytes)
        return self.tick(Stage.DOWNLOADING, done_bytes)

    def pause(self, seconds: float) -> None:
        """Wait. Raises _CancelledError."""
        if seconds > 0:
            self._wait(self._cancel, seconds)
            self._end_if_cancelled()

    def _end_if_cancelled(self) -> None:
        if self._cancel.is_set():
            raise _CancelledError


def _read(answer: Answer, n_bytes: int, position: int) -> bytes:
    try:
        data = answer.read(n_bytes)
    except ConnectionLostError as error:
        raise TryAgainError(error) from error
    if not data:
        raise broken_off(position)
    return data


def known_hash(records: Path, target: Path) -> str:
    """The SHA-256 that a file which was downloaded to `target` has, in small hexadecimal; "" where none is recorded.

    Args:
        records: the folder that the download was given for what it keeps.
        target: the file's own path.
    """
    for record in records.glob("*.json"):
        sha256 = noted_hash(record)
        if sha256 and _kept_record(records, sha256, target) == record:
            return sha256
    return ""


def _kept_record(records: Path, sha256: str, target: Path) -> Path:
    """By content and place: what was noted of one file must not be taken for what is known of another."""
    key = hashlib.sha256(f"{sha256}\n{target.absolute()}".encode("utf-8", "surrogatepass"))
    return records / f"{key.hexdigest()[:32]}.json"


def _disk_problem(error: OSError, wanted: Wanted) -> Problem:
    detail = f"{type(error).__name__}: {error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _no_space(wanted, detail)
    if error.errno == errno.EFBIG:
        return Problem(
            ProblemCode.DOWNLOAD_UNWRITABLE,
            "The disk cannot hold a file of this size.",
            f"It is of a kind (FAT) that ends at 4 GB; this file has {bytes_text(wanted.size)}. Choose another disk "
            "for your models, or a smaller model.",
            detail,
        )
    return Problem(
        ProblemCode.DOWNLOAD_UNWRITABLE,
        f"“{wanted.target.name}” could not be written.",
        f"Check that the disk is connected and that you may write to {wanted.target.parent}. Close other programs that "
        "use the file. What has arrived is kept.",
        detail,
    )


def _no_space(wanted: Wanted, detail: str) -> Problem:
    return Problem(
        ProblemCode.DISK_FULL,
        f"There is not enough room on the disk for “{wanted.target.name}” ({bytes_text(wanted.size)}).",
        f"Free some space on the disk that holds {wanted.target.parent}, then go on: what has arrived is kept.",
        detail,
    )


def _name_taken(target: Path) -> Problem:
    return Problem(
        ProblemCode.DOWNLOAD_NAME_TAKEN,
        f"There is another file called “{target.name}” already, or a damaged copy of this one.",
        f"Rename or delete it (it lies in {target.parent}), or let LlamaDesk replace it.",
    )


def _damaged() -> Problem:
    return Problem(
        ProblemCode.DOWNLOAD_DAMAGED,
        "What arrived is not the file that its publisher put there, so it was thrown away.",
        "It was damaged on its way, or the file was changed on the hub: look at its page there, and try once more.",
        "the SHA-256 differs",
    )


def _changed() -> ProblemError:
    return ProblemError(
        Problem(
            ProblemCode.DOWNLOAD_CHANGED,
            "The file changes on the hub while it is being downloaded.",
            "Look at its page on the hub again, or try again later.",
            "the ETag differs",
        )
    )
