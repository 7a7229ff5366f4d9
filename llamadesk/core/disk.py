"""What was written is on the disk, also after a power cut."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

_CANNOT_BE_SYNCED: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM})


def sync_file(path: Path) -> None:
    """Wait until the bytes of a file are on the disk.

    Raises:
        OSError: they may not be.
    """
    _sync(path, os.O_RDWR)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where that can be asked for: not on Windows, whose file systems
    see to it, on some network drives, and where the folder may not be read.

    Raises:
        OSError: they may not be.
    """
    if os.name != "posix":
        return
    try:
        _sync(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno not in _CANNOT_BE_SYNCED:
            raise


def _sync(path: Path, flags: int) -> None:
    fd = os.open(path, flags)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
