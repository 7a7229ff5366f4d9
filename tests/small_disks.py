"""Disks so small that a test can fill them. They are mounted, which needs root: elsewhere the test is skipped."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def mount_or_skip(place: Path, *arguments: str) -> None:
    """Mount a file system at the new folder `place`."""
    place.mkdir()
    try:
        subprocess.run(["mount", *arguments, str(place)], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a file system cannot be mounted here: {getattr(error, 'stderr', '') or error}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB of its own. For a conftest.py to import."""
    place = tmp_path / "disk"
    mount_or_skip(place, "-t", "tmpfs", "-o", "size=2m", "tmpfs")
    yield place
    # Lazily: a test that fails may still have files open there, and a mount that stays would fail every later run.
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill_disk(place: Path, leave: int = 0) -> Path:
    """A file that takes all the room but `leave` bytes."""
    filler = place / "filler"
    free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
    with filler.open("wb") as file:
        file.write(bytes(max(0, free - leave)))
    return filler


class BreakableDisk:
    """An ext4 file system of 8 MB that its kernel makes read-only while files are open, as it does when a disk fails.

    mount refuses that (`remount,ro`) while anything may write; an error of the file system itself asks nobody. It is
    mended as anywhere: unmounted, checked and mounted again.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self._image = place.with_suffix(".img")
        with self._image.open("wb") as image:
            image.truncate(8 << 20)
        try:
            subprocess.run(["mkfs.ext4", "-q", "-F", str(self._image)], check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"an ext4 file system cannot be made here: {getattr(error, 'stderr', '') or error}")
        self._mount()

    def _mount(self) -> None:
        mount_or_skip(self.place, "-t", "ext4", "-o", "loop,errors=remount-ro", str(self._image))

    def turn_read_only(self) -> None:
        device = next(
            line.split()[0] for line in Path("/proc/mounts").read_text().splitlines() if f" {self.place} " in line
        )
        Path(f"/sys/fs/ext4/{Path(device).name}/trigger_fs_error").write_text("tests")
        with pytest.raises(OSError, match="Read-only file system"):
            (self.place / "a new file").touch()

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.place)], check=True)
        self.place.rmdir()

    def mend(self) -> None:
        self.unmount()
        checked = subprocess.run(["e2fsck", "-p", str(self._image)], check=False, capture_output=True, text=True)
        assert checked.returncode in (0, 1), checked.stdout
        self._mount()


@pytest.fixture
def breakable_disk(tmp_path: Path) -> Iterator[BreakableDisk]:
    """A file system that can turn read-only. For a conftest.py to import."""
    disk = BreakableDisk(tmp_path / "breakable")
    yield disk
    disk.unmount()
