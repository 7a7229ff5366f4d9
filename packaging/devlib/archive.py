"""The plain archive for any Linux: it runs where it is unpacked, and its script installs it for one person."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from pathlib import Path

from devlib.console import Log, StepFailedError, TroubleError, reason_in
from devlib.linux import SOURCES, fill_in, install_share
from devlib.staging import Release, entries, settle, stage_bundle

SCRIPTS = ("install.sh", "uninstall.sh", "places.sh")
_XZ = ("xz", "--compress", "--force", "-6", "--threads=2", "--block-size=24MiB")
"""With two threads or more, and blocks of one size, the output does not depend on how many threads there were."""


def archive_folder(release: Release) -> str:
    """The name of the one folder in the archive, and of the archive without its suffixes."""
    return f"LlamaDesk-{release.version}-linux-x86_64"


def build_archive(bundle: Path, out: Path, release: Release, icons: Path, log: Log) -> Path:
    """Make the archive, the same to the byte each time.

    Args:
        bundle: the bundle for Linux.
        out: folder for the archive; made where it is missing.
        icons: from `linux.draw_icons`.

    Returns:
        `out`/LlamaDesk-VERSION-linux-x86_64.tar.xz.

    Raises:
        TroubleError: xz failed.
        OSError: a file could not be read or written.
    """
    out.mkdir(parents=True, exist_ok=True)
    name = archive_folder(release)
    with tempfile.TemporaryDirectory(prefix=".archive-", dir=out) as temporary:
        folder = Path(temporary) / name
        stage_archive(bundle, folder, release, icons)
        plain = out / f"{name}.tar"
        _write_tar(folder, plain)
    try:
        log.run([*_XZ, plain], "Making the archive")
    except StepFailedError as error:
        why = reason_in(error.output) or "xz stopped with an error"
        raise TroubleError(f"The archive could not be made: {why}; the details are in {log.path}.") from error
    return plain.with_name(f"{plain.name}.xz")


def stage_archive(bundle: Path, folder: Path, release: Release, icons: Path) -> None:
    """Make the new folder `folder` as it is in the archive: the bundle, `share` for the desktop, and the scripts."""
    stage_bundle(bundle, folder, "archive", release)
    install_share(folder / "share", icons, release)
    for script in SCRIPTS:
        shutil.copy(SOURCES / "archive" / script, folder / script)
    (folder / "README.txt").write_text(fill_in("archive/README.txt", release), encoding="utf-8")
    settle(folder, release.epoch)


def _write_tar(folder: Path, target: Path) -> None:
    """Pack a settled folder: sorted, and owned by root, whoever made it."""

    def owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        entry.mtime = int(entry.mtime)
        return entry

    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in [folder, *entries(folder)]:
            name = path.relative_to(folder.parent).as_posix()
            archive.add(path, name, recursive=False, filter=owned_by_root)
