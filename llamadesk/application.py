"""The application object, and the files that macOS asks it to open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QEvent, Signal
from PySide6.QtWidgets import QApplication

if TYPE_CHECKING:
    from PySide6.QtGui import QFileOpenEvent


class Application(QApplication):
    """Hears of files that were opened with the app while it runs.

    On macOS they come as events, the file that the app was started with too; elsewhere a second start passes them on
    (`llamadesk.instance`). An event filter would be called for every event of every widget; this for few.
    """

    file_opened = Signal(object)
    """Path of a file to open, once `take_files` was called."""

    def __init__(self, arguments: Sequence[str]) -> None:
        super().__init__(arguments)
        self._early: list[Path] | None = []

    def take_files(self) -> list[Path]:
        """What was to be opened so far; from now on `file_opened` tells."""
        early, self._early = self._early or [], None
        return early

    def event(self, event: QEvent) -> bool:
        """Take a file; everything else is Qt's."""
        if event.type() is not QEvent.Type.FileOpen:
            return super().event(event)
        name = cast("QFileOpenEvent", event).file()
        if not name:  # some other address than a file's
            return False
        if self._early is None:
            self.file_opened.emit(Path(name))
        else:
            self._early.append(Path(name))
        return True
