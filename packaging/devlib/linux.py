"""What a Linux desktop reads about the app: menu entry, AppStream data, MIME type, icons, man page."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from devlib.console import Log
from devlib.project import APP_ID, HOMEPAGE, ROOT
from devlib.staging import Release

SOURCES = ROOT / "packaging" / "linux"
MAINTAINER = "The LlamaDesk contributors <llamadesk@users.noreply.github.com>"
ICON = ROOT / "resources" / "icons" / "llamadesk.svg"
ICON_SIZES = (16, 24, 32, 48, 64, 128, 256, 512)
"""In pixels, each the folder of its own that the icon theme "hicolor" has."""

_PLACES = {
    f"{APP_ID}.desktop": "applications",
    f"{APP_ID}.metainfo.xml": "metainfo",
    f"{APP_ID}.xml": "mime/packages",
}


def draw_icons(python: Path, folder: Path, log: Log, sizes: Iterable[int] = ICON_SIZES) -> Path:
    """Draw the icon as FOLDER/SIZE.png for each of `sizes`; returns `folder`.

    Args:
        python: an interpreter that has PySide6.

    Raises:
        StepFailedError: it could not be drawn.
    """
    script = ROOT / "packaging" / "tools" / "render_icons.py"
    log.run([python, script, ICON, folder, *map(str, sizes)], "Drawing the icons")
    return folder


def fill_in(template: str, release: Release) -> str:
    """The text of `packaging/linux/TEMPLATE.in` with the release's facts in it."""
    text = (SOURCES / f"{template}.in").read_text(encoding="utf-8")
    for name, value in {"VERSION": release.version, "DATE": release.date, "HOMEPAGE": HOMEPAGE}.items():
        text = text.replace(f"@{name}@", value)
    return text


def install_share(share: Path, icons: Path, release: Release) -> None:
    """Make the folder `share` as it is to lie in /usr or ~/.local.

    Args:
        icons: a folder with SIZE.png for each of ICON_SIZES, from `draw_icons`.
    """
    for name, place in _PLACES.items():
        (share / place).mkdir(parents=True)
        shutil.copyfile(SOURCES / name, share / place / name)
    hicolor = share / "icons" / "hicolor"
    pictures = {f"{size}x{size}": icons / f"{size}.png" for size in ICON_SIZES}
    for size, picture in {**pictures, "scalable": ICON}.items():
        (hicolor / size / "apps").mkdir(parents=True)
        shutil.copyfile(picture, hicolor / size / "apps" / f"{APP_ID}{picture.suffix}")
    manual = share / "man" / "man1"
    manual.mkdir(parents=True)
    (manual / "llamadesk.1").write_text(fill_in("llamadesk.1", release), encoding="utf-8")
