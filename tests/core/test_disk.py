"""Files and the names of folders are brought to the disk."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from llamadesk.core.disk import sync_file, sync_folder


def refuse(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_fd: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fsync)


def test_both_are_asked_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"words")
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_ino))
    sync_file(path)
    sync_folder(tmp_path)
    folders = [] if sys.platform == "win32" else [tmp_path.stat().st_ino]
    assert synced == [path.stat().st_ino, *folders]


@pytest.mark.skipif(sys.platform == "win32", reason="no folder is synced there")
def test_a_drive_that_syncs_no_folders_is_no_trouble_but_a_failing_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(errno.EINVAL, monkeypatch)
    sync_folder(tmp_path)
    refuse(errno.EIO, monkeypatch)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        sync_folder(tmp_path)


def test_a_file_that_cannot_be_synced_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.touch()
    refuse(errno.EINVAL, monkeypatch)
    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        sync_file(path)
