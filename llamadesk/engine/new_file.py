"""A model's file that is being made: under another name until it is whole and on the disk."""

from __future__ import annotations

import errno
import os
import shutil
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Final

from llamadesk.core.disk import sync_file, sync_folder
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.sizes import bytes_text

PART_PREFIX: Final = "quantizing-"
"""How the name of an unfinished file begins; it ends in ".part". One that nobody works on any more may be deleted."""

_SPARE_BYTES: Final = 64 * 1024 * 1024
"""Of disk space, left to whatever else goes on."""


class NewFile:
    """The file that is to be at `target`, and until then is at `part`. One target is to be made by one process at a
    time. Whatever is raised here is a ProblemError, DISK_FULL or QUANTIZE_FAILED."""

    def __init__(self, target: Path) -> None:
        """Do nothing yet; `target` is absolute."""
        self.target = target
        # In ASCII, see `native.quantize`; always the same one for a target, so that the next try clears away the last.
        self.part = target.with_name(f"{PART_PREFIX}{zlib.crc32(os.fsencode(target.name)):08x}.part")

    def check_place(self) -> None:
        """Raise where the target's folder is not there, or the target is there already."""
        folder = self.target.parent
        if not folder.is_dir():
            raise _error(f"The folder {folder.name} is not there.", "Choose another folder for the new model.")
        if os.path.lexists(self.target):
            raise _error(f"There is a file {self.target.name} already.", "Choose another name, or delete it first.")

    def check_space(self, n_bytes: int) -> None:
        """Raise where so many bytes would leave too little of the disk."""
        free, needed = self.free_bytes(), n_bytes + _SPARE_BYTES
        if free < needed:
            words = f"About {bytes_text(needed)} are needed there, and {bytes_text(free)} are free."
            raise ProblemError(disk_full(words))

    def free_bytes(self) -> int:
        """What is free on the disk."""
        try:
            return shutil.disk_usage(self.target.parent).free
        except OSError as error:
            raise self._not_written(error) from error

    def begin(self) -> None:
        """Clear away what an earlier try left, and see whether a file can be made there."""
        try:
            self.part.unlink(missing_ok=True)
            self.part.touch(exist_ok=False)
        except OSError as error:
            raise self._not_written(error) from error

    def written_bytes(self) -> int:
        """How much of it is there."""
        try:
            return self.part.stat().st_size
        except OSError as error:
            raise self._not_written(error) from error

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        try:
            sync_file(self.part)
        except OSError as error:
            raise self._not_written(error) from error

    def put_in_place(self) -> int:
        """Give the file its name, after `sync`; returns its bytes."""
        self.check_place()
        try:
            n_bytes = self.part.stat().st_size
            self.part.replace(self.target)
        except OSError as error:
            raise self._not_written(error) from error
        with suppress(OSError):  # the file is there
            sync_folder(self.target.parent)
        return n_bytes

    def discard(self) -> None:
        """Delete what is unfinished, if anything is."""
        with suppress(OSError):  # the next try clears it away
            self.part.unlink(missing_ok=True)

    def _not_written(self, error: OSError) -> ProblemError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return ProblemError(disk_full("Nothing more can be written there.", str(error)))
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            title, advice = (
                f"LlamaDesk may not write to the folder {self.target.parent.name}.",
                "Choose another folder.",
            )
        else:
            title, advice = f"{self.target.name} could not be written.", "Check its drive, or choose another folder."
        return _error(title, advice, str(error))


def disk_full(words: str, detail: str = "") -> Problem:
    """That there is too little space, with one sentence of what is known of it."""
    return Problem(
        ProblemCode.DISK_FULL,
        f"There is too little space on the disk for the new model. {words}",
        "Delete something there, or choose a folder on another disk.",
        detail,
    )


def _error(title: str, advice: str, detail: str = "") -> ProblemError:
    return ProblemError(Problem(ProblemCode.QUANTIZE_FAILED, title, advice, detail))
