"""The .deb of Debian and Ubuntu: the bundle in /usr/lib/llamadesk, and what a desktop reads about it.

There are no maintainer scripts: the menu, the MIME types, the icons and the man pages are kept by the triggers of the
packages that read them, and a person's chats and models lie in that person's home, where no package has anything to do.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import tempfile
from email.utils import formatdate
from pathlib import Path

from devlib import elf
from devlib.console import Log, StepFailedError, TroubleError, reason_in
from devlib.linux import MAINTAINER, SOURCES, fill_in, install_share
from devlib.project import HOMEPAGE
from devlib.staging import PROGRAMS, Release, entries, settle, stage_bundle

PACKAGE = "llamadesk"
RECOMMENDS = ("libvulkan1", "mesa-vulkan-drivers | vulkan-icd")
SUGGESTS = ("fonts-noto-cjk", "fonts-noto-color-emoji")
_DESCRIPTION = """private chat with a language model on your own computer
 LlamaDesk opens a window in which you talk to a language model that runs on
 your own processor or graphics card. There is no account and nothing to set
 up, and nothing of what you write leaves the computer.
 .
 A small starter model is included; other models in the GGUF format can be
 added. Chats are kept on disk, with search, a trash and daily backups.
"""


def debian_version(version: str) -> str:
    """The version as dpkg orders it: "0.2.0rc1" comes before "0.2.0", so it is "0.2.0~rc1"."""
    return re.sub(r"(?<=\d)\.?(?=(?:a|b|rc|dev)\d)", "~", version)


def build_deb(bundle: Path, out: Path, release: Release, icons: Path, log: Log) -> Path:
    """Make the package, the same to the byte each time.

    Args:
        bundle: the bundle for Linux, with its licences.
        out: folder for the package; made where it is missing.
        icons: from `linux.draw_icons`.

    Returns:
        `out`/llamadesk_VERSION_amd64.deb.

    Raises:
        TroubleError: the bundle needs a library that nobody provides, or dpkg-deb failed.
        OSError: a file could not be read or written, or readelf is missing.
    """
    needs = elf.needs(bundle)
    _check_libraries(needs)
    version = debian_version(release.version)
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{PACKAGE}_{version}_amd64.deb"
    with tempfile.TemporaryDirectory(prefix=".deb-", dir=out) as temporary:
        root = Path(temporary) / "root"
        _stage(bundle, root, release, icons)
        _write_control(root, version, needs.depends())
        settle(root, release.epoch)
        command: list[str | Path] = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", root, target]
        try:
            log.run(command, "Making the .deb", env={"SOURCE_DATE_EPOCH": str(release.epoch)})
        except StepFailedError as error:
            why = reason_in(error.output) or "dpkg-deb stopped with an error"
            raise TroubleError(f"The .deb could not be made: {why}; the details are in {log.path}.") from error
    return target


def _check_libraries(needs: elf.Needs) -> None:
    if missing := needs.missing():
        listed = "; ".join(f"{soname} (for {min(files, default='Qt')})" for soname, files in sorted(missing.items()))
        raise TroubleError(f"The bundle needs libraries that it neither carries nor depends on: {listed}.")
    if wrong := needs.wrongly_carried():
        raise TroubleError(f"The bundle carries libraries that must be the system's own: {', '.join(sorted(wrong))}.")


def _stage(bundle: Path, root: Path, release: Release, icons: Path) -> None:
    """Everything of the package but its control files."""
    library = root / "usr" / "lib" / PACKAGE
    library.parent.mkdir(parents=True)
    stage_bundle(bundle, library, "deb", release)
    share = root / "usr" / "share"
    install_share(share, icons, release)
    _gzip(share / "man" / "man1" / f"{PACKAGE}.1")
    documents = share / "doc" / PACKAGE
    documents.mkdir(parents=True)
    (documents / "README.Debian").write_text(fill_in("README.Debian", release), encoding="utf-8")
    (documents / "copyright").write_text(_copyright(bundle / "licences"), encoding="utf-8")
    (documents / "changelog").write_text(_changelog(release), encoding="utf-8")
    _gzip(documents / "changelog")
    overrides = share / "lintian" / "overrides"
    overrides.mkdir(parents=True)
    shutil.copyfile(SOURCES / "lintian-overrides", overrides / PACKAGE)
    programs = root / "usr" / "bin"
    programs.mkdir()
    (programs / PACKAGE).symlink_to(f"../lib/{PACKAGE}/{PROGRAMS[0]}")


def _gzip(path: Path) -> None:
    """Compress as `gzip -9n` does: without a name or a time in it."""
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    path.unlink()


def _changelog(release: Release) -> str:
    day = formatdate(release.epoch)
    page = f"{HOMEPAGE}/releases/tag/v{release.version}"
    entry = f"  * Release {release.version}; what is new:\n    {page}\n"
    return f"{PACKAGE} ({debian_version(release.version)}) stable; urgency=medium\n\n{entry}\n -- {MAINTAINER}  {day}\n"


def _copyright(licences: Path) -> str:
    """The machine-readable copyright file, with the text of every licence in the folder `licences`."""
    texts = {
        re.sub(r"[^A-Za-z0-9.+-]+", "-", str(path.relative_to(licences).with_suffix(""))): path
        for path in entries(licences)
        if path.is_file()
    }
    if not texts:
        raise TroubleError(f"There are no licences in {licences}: a package cannot be made without them.")
    carried = " and\n ".join(texts)
    paragraphs = [
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
        f"Upstream-Name: LlamaDesk\nUpstream-Contact: {MAINTAINER}\nSource: {HOMEPAGE}",
        "Files: *\nCopyright: 2026 The LlamaDesk contributors\nLicense: Apache-2.0",
        "Files: usr/lib/llamadesk/_internal/*\nCopyright: those whom the licences below name\n"
        f"License: {carried}\nComment: The parts that the package carries, each under the licence of its name.\n"
        " /usr/lib/llamadesk/sbom.cdx.json lists them with their versions.",
        "License: Apache-2.0\n On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.",
    ]
    for name, path in texts.items():
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        # Two spaces: the line is kept as it is, whatever it starts with.
        paragraphs.append("\n".join([f"License: {name}", *(f"  {line}" if line.strip() else " ." for line in lines)]))
    return "\n\n".join(paragraphs) + "\n"


def _write_control(root: Path, version: str, depends: list[str]) -> None:
    """The folder DEBIAN: what dpkg reads, and the checksums that `dpkg --verify` compares."""
    files = [path for path in entries(root) if path.is_file() and not path.is_symlink()]
    # As Debian's policy counts: each file in whole KiB, and 1 for everything else.
    kib = sum((path.stat().st_size + 1023) // 1024 for path in files) + len(list(entries(root))) - len(files)
    sums = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(root)}\n" for path in files]
    fields = {
        "Package": PACKAGE,
        "Version": version,
        "Architecture": "amd64",
        "Maintainer": MAINTAINER,
        "Installed-Size": str(kib),
        "Depends": ", ".join(depends),
        "Recommends": ", ".join(RECOMMENDS),
        "Suggests": ", ".join(SUGGESTS),
        "Section": "utils",
        "Priority": "optional",
        "Homepage": HOMEPAGE,
    }
    control = root / "DEBIAN"
    control.mkdir()
    written = "".join(f"{name}: {value}\n" for name, value in fields.items())
    (control / "control").write_text(f"{written}Description: {_DESCRIPTION}", encoding="utf-8")
    (control / "md5sums").write_text("".join(sums), encoding="utf-8")
