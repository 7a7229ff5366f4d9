"""Unpacks archives that were fetched."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any


def unpack_tar(archive: Path, folder: Path) -> None:
    """Unpack a tar file, compressed or not, into `folder`.

    The first releases of Python 3.11 (Debian 12's is one) cannot refuse paths that lead elsewhere: only for archives
    whose origin has been checked.

    Raises:
        OSError, tarfile.TarError: it could not be read, or not be written.
    """
    careful: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(archive) as packed:
        packed.extractall(folder, **careful)
