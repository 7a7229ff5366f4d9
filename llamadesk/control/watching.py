"""Notices that something may have changed in folders, without looking all the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot

if TYPE_CHECKING:
    from PySide6.QtCore import QFileSystemWatcher

QUIET_SECONDS: Final = 1.0
"""A change is told once nothing has changed any more for so long,"""
LONGEST_SECONDS: Final = 10.0
"""and in any case after this."""
POLL_SECONDS: Final = 10.0
"""How often the folders are looked for that a drive may bring or take away: no system tells of that."""
_AT_ONCE: Final = 16
"""Folders that are handed to the system at a time, so that a slow disk never keeps the window waiting for all."""


class FolderWatch(QObject):
    """Tells that something happened in folders; not what, and not of each event.

    Args:
        clock: seconds that only ever grow.
    """

    changed = Signal(object)
    """The folders (frozenset[Path]) in which something happened; none where folders may have come or gone."""

    def __init__(self, parent: QObject | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(parent)
        from PySide6.QtCore import QFileSystemWatcher  # noqa: PLC0415 - the first frame does not wait for it

        self._clock = clock
        self._watcher: QFileSystemWatcher = QFileSystemWatcher(self)
        self._watcher.directoryChanged.connect(self._on_event)
        self._wanted: frozenset[str] = frozenset()
        self._to_add: list[str] = []
        self._touched: set[Path] = set()
        self._began = 0.0  # when the first of these was
        self._rest_until = 0.0
        self._adding = QTimer(self, interval=0)
        self._adding.timeout.connect(self._add_some)
        self._telling = QTimer(self, singleShot=True)
        self._telling.timeout.connect(self._tell)
        self._polling = QTimer(self, interval=round(POLL_SECONDS * 1000))
        self._polling.timeout.connect(self._on_poll)

    def follow(self, folders: Sequence[Path], *, rest_seconds: float, polls: bool) -> None:
        """Watch these from now on, and no others.

        Args:
            folders: those that matter most first.
            rest_seconds: for so long nothing is told: whoever was told last has just looked, and that took a while.
            polls: whether some of them, or others, may come and go with a drive.
        """
        self._rest_until = self._clock() + rest_seconds
        wanted = [str(folder) for folder in folders]
        gone = self._wanted.difference(wanted)
        if gone:
            self._watcher.removePaths(sorted(gone))
        # One that went away, and came back, is not watched any more; those that are need not be added again.
        watched = set(self._watcher.directories())
        self._wanted = frozenset(wanted)
        self._to_add = [folder for folder in wanted if folder not in watched]
        if self._to_add:
            self._adding.start()
        if polls and not self._polling.isActive():
            self._polling.start()
        elif not polls:
            self._polling.stop()

    def end(self) -> None:
        """Tell nothing any more."""
        for timer in (self._adding, self._telling, self._polling):
            timer.stop()
        if watched := self._watcher.directories():
            self._watcher.removePaths(watched)

    @Slot()
    def _add_some(self) -> None:
        some, self._to_add = self._to_add[:_AT_ONCE], self._to_add[_AT_ONCE:]
        if some:
            self._watcher.addPaths(some)  # those that the system refuses are seen at the next look
        if not self._to_add:
            self._adding.stop()

    @Slot(str)
    def _on_event(self, folder: str) -> None:
        now = self._clock()
        if not self._touched:
            self._began = now
        self._touched.add(Path(folder))
        due = max(min(now + QUIET_SECONDS, self._began + LONGEST_SECONDS), self._rest_until)
        self._telling.start(max(0, round((due - now) * 1000)))

    @Slot()
    def _tell(self) -> None:
        touched, self._touched = frozenset(self._touched), set()
        self.changed.emit(touched)

    @Slot()
    def _on_poll(self) -> None:
        if not self._telling.isActive():
            self.changed.emit(frozenset())
