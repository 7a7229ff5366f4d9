"""A copy of the bundle as a package will carry it: marked with what it is, and the same to the byte each time."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from devlib import elf

PROGRAMS = ("llamadesk", "llamadesk-engine")
MARKER = Path("_internal") / "installation.json"
"""Says which kind of package an installed app came from; from source there is none."""


@dataclass(frozen=True)
class Release:
    """What is being packaged.

    Attributes:
        version: of the app, such as "0.1.0".
        commit: the git commit it was built from.
        epoch: the time that every file gets (SOURCE_DATE_EPOCH), in seconds since 1970.
    """

    version: str
    commit: str
    epoch: int

    @property
    def date(self) -> str:
        """The day of `epoch` in UTC, as 2026-11-23."""
        return datetime.fromtimestamp(self.epoch, UTC).date().isoformat()


def mark_installation(folder: Path, kind: str, release: Release) -> None:
    """Write into the bundle's copy in `folder` what it is part of; `llamadesk/core/installation.py` reads it.

    Args:
        kind: "deb", "archive", "appimage", "flatpak", "windows" or "macos".
    """
    marker = folder / MARKER
    if kind == "macos":  # data lie apart from code, or the signature breaks; the app looks beside its code
        link = folder / "Contents" / "Frameworks" / MARKER.name
        marker = folder / "Contents" / "Resources" / MARKER.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(f"../Resources/{MARKER.name}")
    marker.parent.mkdir(parents=True, exist_ok=True)
    facts = {"kind": kind, "commit": release.commit, "built": release.epoch}
    marker.write_text(json.dumps(facts) + "\n", encoding="utf-8")


def stage_bundle(bundle: Path, folder: Path, kind: str, release: Release) -> None:
    """Copy the bundle to the new folder `folder` and mark the copy; symbolic links stay links.

    Raises:
        FileNotFoundError: `bundle` is no bundle.
        OSError: a file could not be read or written.
    """
    missing = [name for name in PROGRAMS if not (bundle / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{bundle} is no bundle of the app: {', '.join(missing)} is not in it")
    shutil.copytree(bundle, folder, symlinks=True)
    for file in elf.elf_files(folder):
        elf.drop_foreign_search_paths(file)
    mark_installation(folder, kind, release)


def entries(folder: Path) -> Iterator[Path]:
    """Everything below `folder`, sorted as text, each folder before what is in it."""
    yield from sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix())


def is_program(path: Path) -> bool:
    """Whether this file of a staged tree is to be started: the app's own programs and scripts, but no library."""
    with path.open("rb") as file:
        start = file.read(4)
    return (start == b"\x7fELF" and path.name in PROGRAMS) or (start[:2] == b"#!" and os.access(path, os.X_OK))


def settle(folder: Path, epoch: int) -> None:
    """Give `folder` and all in it the time `epoch`, and the mode 0755 (folders and programs) or 0644."""
    for path in [*entries(folder), folder]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or is_program(path) else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)
