"""A model's file that is being made: under another name until it is whole and on the disk."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path

from llamadesk.core.disk import sync_file, sync_folder
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.quantize import disk_full, name_taken, needed_bytes, part_path, space_problem


class NewFile:
    """The file that is to be at `target`, and until then is at `part`. One target is to be made by one process at a
    time. Whatever is raised here is a ProblemError, DISK_FULL or QUANTIZE_FAILED."""

    def __init__(self, target: Path) -> None:
        """Do nothing yet; `target` is absolute."""
        self.target = target
        self.part = part_path(target)

    def check_place(self) -> None:
        """Raise where the target's folder is not there, or the target is there already."""
        folder = self.target.parent
        if not folder.is_dir():
            raise _error(f"The folder {folder.name} is not there.", "Choose another folder for the new model.")
        if os.path.lexists(self.target):
            raise ProblemError(name_taken(self.target))

    def check_space(self, n_bytes: int) -> None:
        """Raise where a file of about so many bytes would leave too little of the disk."""
        problem = space_problem(needed_bytes(n_bytes), self.free_bytes())
        if problem is not None:
            raise ProblemError(problem)

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


def _error(title: str, advice: str, detail: str = "") -> ProblemError:
    return ProblemError(Problem(ProblemCode.QUANTIZE_FAILED, title, advice, detail))
