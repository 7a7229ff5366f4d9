"""What a model takes on the disk: one file, or the parts of a set that was split (see `llamadesk.core.gguf_sets`)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from llamadesk.core.errors import ProblemError
from llamadesk.core.gguf_header import read_header
from llamadesk.core.gguf_sets import missing_problem, part_paths, parts_of


@dataclass(frozen=True, slots=True)
class Extent:
    """The files of one model in one state.

    Attributes:
        paths: the file, or all parts of the set in order. The engine is given the first.
        size_bytes: of all of them together.
        modified_ns: when the newest was changed, in nanoseconds since 1970.
    """

    paths: tuple[Path, ...]
    size_bytes: int
    modified_ns: int


def extent_of(path: Path) -> Extent:
    """What the model takes that the file at `path` holds, alone or as a part of a set. A file that is named like a part
    and says of itself that it is whole (such as one that was merged again) is taken for what it says.

    Raises:
        ProblemError: parts are missing (MODEL_DAMAGED), or this part cannot be read.
        OSError, ValueError: the file is not there, or may not be looked at.
    """
    paths = part_paths(path)
    alone = path.stat()
    if len(paths) == 1:
        return Extent(paths, alone.st_size, alone.st_mtime_ns)
    found: list[os.stat_result] = []
    missing: list[Path] = []
    for part in paths:
        try:
            found.append(part.stat())
        except FileNotFoundError:
            missing.append(part)
    if not missing:
        return Extent(paths, sum(status.st_size for status in found), max(status.st_mtime_ns for status in found))
    if parts_of(read_header(path)) == 1:
        return Extent((path,), alone.st_size, alone.st_mtime_ns)
    raise ProblemError(missing_problem(paths, missing))
