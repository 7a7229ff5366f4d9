"""What a download does on the network and on the disk. All of it blocks: for other threads than the window's."""

from __future__ import annotations

import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from llamadesk.core.downloads import (
    Download,
    DownloadPart,
    DownloadStage,
    DownloadStatus,
    no_room_problem,
    place_of,
)
from llamadesk.core.errors import Problem, ProblemError
from llamadesk.core.hub import HubFile, HubPart

if TYPE_CHECKING:
    from llamadesk.web.transfer import Progress, Transfer, Wanted

MakeTransfer = Callable[["Wanted"], "Transfer"]
MakeUrl = Callable[[HubFile, HubPart], str]

_SILENT_SECONDS: Final = 4.0
_STAGES: Final = {
    "checking": DownloadStage.CHECKING,
    "downloading": DownloadStage.DOWNLOADING,
    "waiting": DownloadStage.RETRYING,
}
"""Those of a transfer (`web.transfer.Stage`), by their values, and what they are to the whole download."""


@dataclass
class SpeedLimit:
    """How fast downloads may be, 0 for any speed. The window's thread sets it, theirs read it all the time."""

    bytes_per_second: int = 0


class Ending(msgspec.Struct, frozen=True):
    """How a fetch ended: everything is here (`whole`), a `problem`, a `bug`; nothing of these where it was stopped."""

    whole: bool = False
    problem: Problem | None = None
    bug: BaseException | None = None


class Fetch:
    """Gets what is still missing of a download, on a thread of its own.

    The window's thread looks at it when it likes: nothing but plain values is handed over, so that
    however much happens here no more reaches the window than it asks for.

    Attributes:
        status: how far it is.
        ending: how it ended; None until then. Nothing is written afterwards.
    """

    def __init__(self, download: Download, done_bytes: int, make_transfer: MakeTransfer, limit: SpeedLimit) -> None:
        """`done_bytes`: how far it was the last time."""
        self.download = download
        self.status = DownloadStatus(DownloadStage.CHECKING, done_bytes, download.size)
        self.ending: Ending | None = None
        self._told_at = time.monotonic()
        self._make_transfer = make_transfer
        self._limit = limit
        self._arrived: deque[tuple[int, bool]] = deque()
        self._stop = threading.Event()
        # A daemon: a server that says nothing may hold it for half a minute, and the app's end need not wait for that.
        self._thread = threading.Thread(target=self._run, name="download", daemon=True)

    @property
    def silent(self) -> bool:
        """Whether nothing has come for a while, although it should."""
        is_due = self.status.stage is DownloadStage.DOWNLOADING
        return is_due and time.monotonic() - self._told_at > _SILENT_SECONDS

    @property
    def stopping(self) -> bool:
        """Whether it was told to end."""
        return self._stop.is_set()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End soon; what has arrived is kept."""
        self._stop.set()

    def take_arrived(self) -> list[tuple[int, bool]]:
        """The numbers of the parts that have come since this was asked last, and whether nothing lay under the name
        before."""
        return [self._arrived.popleft() for _ in range(len(self._arrived))]

    def _run(self) -> None:
        try:
            ending = Ending(whole=self._get_all())
        except ProblemError as error:
            ending = Ending() if self.stopping else Ending(problem=error.problem)
        except Exception as error:
            ending = Ending(bug=error)
        self.ending = ending

    def _get_all(self) -> bool:
        """Whether all parts are here; False where it was stopped."""
        if len(self.download.parts) > 1:
            _ask_for_room(self.download)
        done_bytes = 0
        for number, part in enumerate(self.download.parts):
            if not (part.arrived and _has_size(part)):
                is_new = not _exists(Path(part.target))
                if not self._get(part, done_bytes):
                    return False
                self._arrived.append((number, is_new or part.ours))
            done_bytes += part.size
        return True

    def _get(self, part: DownloadPart, before: int) -> bool:
        from llamadesk.web.transfer import Wanted  # noqa: PLC0415 - the window needs nothing that speaks to a network

        def note(progress: Progress) -> None:
            self._told_at = time.monotonic()
            self.status = _status(progress, before, self.download.size)

        wanted = Wanted(part.url, Path(part.target), part.size, part.sha256, part.replace)
        return self._make_transfer(wanted).run(note, self._stop, lambda: self._limit.bytes_per_second)


def planned(file: HubFile, models: Path, make_url: MakeUrl) -> tuple[tuple[DownloadPart, ...], bool]:
    """The parts of a file of the hub with their places below the folder `models`, and whether all are there already, as
    far as their sizes tell.

    Raises:
        ProblemError: from `make_url`.
    """
    parts = tuple(
        DownloadPart(
            make_url(file, part), str(models.joinpath(place_of(file.repository, part.path))), part.size, part.sha256
        )
        for part in file.parts
    )
    return parts, all(_has_size(part) for part in parts)


def looked_at(downloads: Sequence[Download]) -> list[tuple[Download, int, bool]]:
    """Of each how many bytes are here, and whether that is everything."""
    return [(download, kept_bytes(download), all(map(_has_size, download.parts))) for download in downloads]


def kept_bytes(download: Download) -> int:
    """How much of a download is on the disk, without a look at whether it is right."""
    from llamadesk.web.transfer_state import kept_bytes as kept  # noqa: PLC0415 - as in `Fetch._get`

    sizes = (part.size if _has_size(part) else kept(Path(part.target)) for part in download.parts)
    return min(sum(sizes), download.size)


def deleted(download: Download, models: Path) -> None:
    """Give up a download that is not running: what came of it is deleted, what was there before is not.

    Args:
        models: the folder that the empty ones above the files go up to.

    Raises:
        OSError: something cannot be deleted.
    """
    from llamadesk.web.transfer_state import discard  # noqa: PLC0415 - as in `Fetch._get`

    for part in download.parts:
        target = Path(part.target)
        discard(target)
        if part.arrived and part.ours:
            target.unlink(missing_ok=True)
    with suppress(OSError):  # until one is not empty
        for folder in download.file.parents:
            if models not in folder.parents:
                break
            folder.rmdir()


def _ask_for_room(download: Download) -> None:
    """A transfer asks for its own file alone. Raises ProblemError where not all parts would find room."""
    from llamadesk.web.transfer import RESERVE_BYTES  # noqa: PLC0415 - as in `Fetch._get`

    missing = download.size - kept_bytes(download)
    folder = next(folder for folder in download.file.parents if _exists(folder))
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return  # who writes there says why
    if missing + RESERVE_BYTES > free:
        raise ProblemError(no_room_problem(download, missing, free))


def _status(progress: Progress, before: int, total: int) -> DownloadStatus:
    """That of the whole download, of which so many bytes come `before` the part that this is the progress of."""
    done, speed = before + progress.done_bytes, progress.bytes_per_second
    left = (total - done) / speed if speed > 0 else None
    return DownloadStatus(_STAGES[progress.stage], done, total, speed, left, progress.trouble)


def _has_size(part: DownloadPart) -> bool:
    try:
        return Path(part.target).stat().st_size == part.size
    except OSError:
        return False


def _exists(path: Path) -> bool:
    """False also where it may not be looked at: who works with it says why."""
    try:
        return path.exists()
    except OSError:
        return False
