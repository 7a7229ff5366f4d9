"""A download as the queue keeps and shows it: which files, where they go, how far it is, and that in words."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.moments import duration_words
from llamadesk.core.sizes import bytes_text, part_text

_UNSAFE_LETTERS: Final = re.compile(r'[<>:"/\\|?*]')
_WINDOWS_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE | re.DOTALL)
_MOST_NAME_BYTES: Final = 200
"""Of a file's name: most systems take 255, and what is written beside an unfinished file is called longer."""


class DownloadStage(StrEnum):
    """What goes on with a download."""

    WAITING = "waiting"
    """For its turn."""
    CHECKING = "checking"
    """What is on the disk already is read."""
    DOWNLOADING = "downloading"
    RETRYING = "retrying"
    """Something went wrong, and it is tried again in a moment."""
    PAUSED = "paused"
    FAILED = "failed"
    DONE = "done"


class DownloadPart(msgspec.Struct, frozen=True):
    """One file of a download.

    Attributes:
        url: where it is asked for, each time anew.
        target: its own path here.
        size: in bytes.
        sha256: of its content, in hexadecimal; "" where the hub does not say.
        arrived: it is here, whole.
        ours: it was not there before this download, so that it goes where the download is given up.
        replace: another file of that name may be replaced, because the person said so.
    """

    url: str
    target: str
    size: int
    sha256: str
    arrived: bool = False
    ours: bool = False
    replace: bool = False


class Download(msgspec.Struct, frozen=True):
    """What the person wants to have, kept until they clear it away.

    Attributes:
        id: of its own; a moment in milliseconds since 1970.
        title: for the person.
        repository: of the hub, "owner/name".
        parts: in order; a model that was split has several.
        paused: by the person; it goes on when they say so, also after a restart.
        added_at: in milliseconds since 1970.
        from_hub_path: of the first part, inside the repository.
        finished_at: in milliseconds since 1970; 0 where it is not finished.
        cancelled: by the person; what has come of it is being deleted.
        is_model: it can be chatted with, as far as its name tells.
        asked_as: the id of a model of the catalogue, and the quantization, where it was asked for as that; the file may
            have another name on the hub than the catalogue knows.
    """

    id: int
    title: str
    repository: str
    parts: tuple[DownloadPart, ...]
    paused: bool = False
    added_at: int = 0
    from_hub_path: str = ""
    finished_at: int = 0
    cancelled: bool = False
    is_model: bool = True
    asked_as: tuple[str, str] | None = None

    @property
    def size(self) -> int:
        """Of all parts, in bytes."""
        return sum(part.size for part in self.parts)

    @property
    def file(self) -> Path:
        """The first part's, by which a model is known."""
        return Path(self.parts[0].target)

    @property
    def targets(self) -> frozenset[str]:
        """Where the parts go."""
        return frozenset(part.target for part in self.parts)

    def with_part(self, number: int, part: DownloadPart) -> Download:
        """The same with another part in the place of that one."""
        return msgspec.structs.replace(self, parts=(*self.parts[:number], part, *self.parts[number + 1 :]))


class DownloadStatus(msgspec.Struct, frozen=True):
    """How far a download is.

    Attributes:
        done_bytes, total_bytes: of all parts.
        bytes_per_second: over the last few seconds; 0.0 where it cannot be told.
        seconds_left: None where it cannot be told.
        trouble: what went wrong and passes; or, where it failed, what is done about it without the person; in words.
        problem: why it failed.
    """

    stage: DownloadStage
    done_bytes: int
    total_bytes: int
    bytes_per_second: float = 0.0
    seconds_left: float | None = None
    trouble: str = ""
    problem: Problem | None = None

    @property
    def fraction(self) -> float:
        """From 0 to 1."""
        return min(self.done_bytes / self.total_bytes, 1.0) if self.total_bytes else 1.0

    def in_silence(self) -> DownloadStatus:
        """The same where nothing comes any more: what was measured before is no longer so."""
        words = "nothing is arriving at the moment"
        return msgspec.structs.replace(self, bytes_per_second=0.0, seconds_left=None, trouble=words)


class DownloadEntry(msgspec.Struct, frozen=True):
    """A download in the queue."""

    download: Download
    status: DownloadStatus

    @property
    def is_active(self) -> bool:
        """Whether it is under way, or waits for its turn."""
        return self.status.stage in _ACTIVE

    @property
    def can_replace(self) -> bool:
        """Whether it failed because another file has the name, which may be replaced."""
        problem = self.status.problem
        return problem is not None and problem.code is ProblemCode.DOWNLOAD_NAME_TAKEN


_ACTIVE: Final = frozenset(
    {DownloadStage.WAITING, DownloadStage.CHECKING, DownloadStage.DOWNLOADING, DownloadStage.RETRYING}
)


# --- Where it goes ---


def place_of(repository: str, path: str) -> PurePosixPath:
    """Where a file of the hub is kept below the models folder: publisher/model/file, as other apps do it.

    Whatever the names are, each step of it is a name on every system, and none leads out of the folder.

    Args:
        repository: "owner/name".
        path: inside the repository, with "/".
    """
    return PurePosixPath(*(_safe_name(step) for step in (*repository.split("/"), *path.split("/"))))


def _safe_name(name: str) -> str:
    letters = (letter if letter.isprintable() else "_" for letter in _UNSAFE_LETTERS.sub("_", name))
    safe = "".join(letters).strip(" .").encode()  # what begins with a dot is looked past when models are looked for
    # The end of a long one: it tells the kind of the file, and which part of a set it is.
    kept = safe[-_MOST_NAME_BYTES:].decode(errors="ignore").strip(" .")
    return f"_{kept}" if not kept or _WINDOWS_DEVICES.fullmatch(kept) else kept


# --- In words ---


def status_words(entry: DownloadEntry) -> str:
    """How far a download is: "1.2 of 3.6 GB · 8.1 MB/s · 5 minutes left"."""
    status = entry.status
    amount = part_text(status.done_bytes, status.total_bytes)
    match status.stage:
        case DownloadStage.DONE:
            return f"Done · {bytes_text(status.total_bytes)}"
        case DownloadStage.FAILED:
            return f"{status.problem.text if status.problem else ''} {status.trouble}".strip()
        case DownloadStage.RETRYING:
            return f"{status.trouble} Trying again · {amount}".strip()
        case DownloadStage.WAITING:
            return _joined("Waiting for its turn", amount if status.done_bytes else bytes_text(status.total_bytes))
        case DownloadStage.PAUSED:
            return _joined("Paused", amount)
        case DownloadStage.CHECKING:
            return _joined("Checking what is here already", amount)
        case DownloadStage.DOWNLOADING:
            speed = rate_words(status.bytes_per_second) if status.bytes_per_second else ""
            left = "" if status.seconds_left is None else f"{duration_words(status.seconds_left)} left"
            return _joined(amount, speed, left, status.trouble)


def rate_words(bytes_per_second: float) -> str:
    """A speed for a person: "8.1 MB/s". With one digit behind the point, where `bytes_text` has none: it is watched."""
    for factor, unit in ((1e9, "GB/s"), (1e6, "MB/s")):
        if bytes_per_second >= 0.95 * factor:
            return f"{bytes_per_second / factor:.1f} {unit}"
    return f"{max(bytes_per_second, 0.0) / 1e3:.0f} kB/s"


def _joined(*words: str) -> str:
    return " · ".join(word for word in words if word)


# --- Problems ---


def incomplete_problem(title: str, n_parts: int, n_wanted: int) -> Problem:
    """Why a model cannot be downloaded of which the hub has not every part."""
    return Problem(
        ProblemCode.HUB_MISSING,
        f"“{title}” cannot be downloaded: only {n_parts} of its {n_wanted} parts are on the hub.",
        "Choose another file, or another publisher of the same model.",
    )


def no_room_problem(download: Download, missing_bytes: int, free_bytes: int) -> Problem:
    """Why a model in several parts is not begun with where not all of them would find room."""
    return Problem(
        ProblemCode.DISK_FULL,
        f"There is not enough room on the disk: {bytes_text(missing_bytes)} are still to come, and "
        f"{bytes_text(free_bytes)} are free.",
        f"Free some space on the disk that holds {download.file.parent}, then try again: what has arrived is kept.",
        f"{missing_bytes} bytes to go, {free_bytes} bytes free",
    )


def unknown_problem(error: BaseException) -> Problem:
    """What the card says where a mistake of LlamaDesk itself ended a download; the report tells more."""
    return Problem(
        ProblemCode.DOWNLOAD_UNWRITABLE,
        "The download ended because of a mistake in LlamaDesk.",
        "Try again: what has arrived is kept.",
        type(error).__name__,
    )
