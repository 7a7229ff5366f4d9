"""Draw an SVG as square PNGs: `python render_icons.py SVG FOLDER SIZE…` writes FOLDER/SIZE.png for each size in pixels.

It needs PySide6, so it is run with the project's own environment. One version of Qt draws the same bytes each time.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer


def render(renderer: QSvgRenderer, size: int, target: Path) -> None:
    """Draw the picture on a transparent square.

    Raises:
        OSError: `target` could not be written.
    """
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    renderer.render(painter)
    painter.end()
    if not image.save(str(target), "PNG"):
        raise OSError(f"{target} could not be written")


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Draw an SVG as square PNGs.")
    parser.add_argument("svg", type=Path)
    parser.add_argument("folder", type=Path, help="made where it is missing")
    parser.add_argument("sizes", type=int, nargs="+", metavar="SIZE", help="in pixels")
    chosen = parser.parse_args(arguments)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"  # nothing is shown, and there may be no screen
    _application = QGuiApplication(sys.argv[:1])
    renderer = QSvgRenderer(str(chosen.svg))
    if not renderer.isValid():
        parser.error(f"{chosen.svg} is not an SVG that can be drawn")
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for size in chosen.sizes:
        render(renderer, size, chosen.folder / f"{size}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
