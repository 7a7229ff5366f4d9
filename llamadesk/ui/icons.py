"""The icons: Lucide's outlines, drawn in a colour of the theme and sharp on every screen."""

from __future__ import annotations

import functools
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from llamadesk.core.paths import resources_dir

APP_ICON_FILE = "llamadesk.svg"


@functools.cache
def _icons_dir() -> Path:
    return resources_dir() / "icons"


@functools.cache
def _outline(name: str) -> bytes:
    return (_icons_dir() / "lucide" / f"{name}.svg").read_bytes()


def _paint(svg: bytes, size: int, ratio: float, gap: int = 0) -> QPixmap:
    pixels = round(size * ratio)
    pixmap = QPixmap(QSize(pixels + round(gap * ratio), pixels))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(svg)).render(painter, QRectF(0, 0, pixels, pixels))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


@functools.lru_cache(maxsize=512)
def icon_pixmap(name: str, colour: str, size: int, ratio: float, gap: int = 0) -> QPixmap:
    """One icon.

    Args:
        name: of a file in resources/icons/lucide, without ".svg".
        colour: of its lines, "#rrggbb".
        size: in device-independent pixels; it is square.
        ratio: of the screen it is for.
        gap: empty pixels at its right; a button with a text has no other way to keep the two apart.
    """
    return _paint(_outline(name).replace(b"currentColor", colour.encode()), size, ratio, gap)


def icon(name: str, colour: str, size: int = 18, disabled: str | None = None, gap: int = 0) -> QIcon:
    """An icon for a button, painted for every kind of screen that is attached.

    Args:
        name: of a file in resources/icons/lucide, without ".svg".
        colour: of its lines, "#rrggbb".
        size: in device-independent pixels.
        disabled: its colour on a button that cannot be pressed; the same where None.
        gap: empty pixels at its right.
    """
    result = QIcon()
    for ratio in {1.0, *(screen.devicePixelRatio() for screen in QGuiApplication.screens())}:
        result.addPixmap(icon_pixmap(name, colour, size, ratio, gap))
        if disabled is not None:
            result.addPixmap(icon_pixmap(name, disabled, size, ratio, gap), QIcon.Mode.Disabled)
    return result


@functools.lru_cache(maxsize=16)
def app_pixmap(size: int, ratio: float = 1.0) -> QPixmap:
    """The mark of LlamaDesk: beside replies and in the sidebar's head."""
    return _paint((_icons_dir() / APP_ICON_FILE).read_bytes(), size, ratio)


def app_icon() -> QIcon:
    """The mark of LlamaDesk for windows, task bars and docks."""
    result = QIcon()
    for size in (16, 32, 64, 256):
        result.addPixmap(app_pixmap(size))
    return result
