"""Runs downloads on threads and tells the window's thread of them, as often as that needs to know."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from llamadesk.control.online.download_work import Fetch, MakeTransfer, SpeedLimit
from llamadesk.core.downloads import Download

_LOOK_MS: Final = 250
"""Each look takes a moment from a reply that is being written."""
_END_SECONDS: Final = 1.0
_END_LOOK_SECONDS: Final = 0.02


class DownloadRunner(QObject):
    """Looks at what the threads do, from the window's, and says what is new. No two of them have a target in common.

    Args:
        make_transfer: called on the thread of a download.
        limit: counts from the moment that it is changed.
    """

    progressed = Signal(object, object)
    """id of a download, its DownloadStatus; not of one that was told to stop."""
    part_arrived = Signal(object, int, bool)
    """id of a download, number of a part, whether nothing lay under its name before."""
    ended = Signal(object, object)
    """id of a download, the `Ending`; its thread touches nothing any more."""

    def __init__(self, make_transfer: MakeTransfer, limit: SpeedLimit, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._make_transfer = make_transfer
        self._limit = limit
        self._fetches: dict[int, Fetch] = {}
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self.look)

    @property
    def is_busy(self) -> bool:
        """Whether one is under way that was not told to stop."""
        return any(not fetch.stopping for fetch in self._fetches.values())

    def holds(self, download_id: int) -> bool:
        """Whether a download has a thread, be it one that was told to stop."""
        return download_id in self._fetches

    def is_free(self, targets: Iterable[str]) -> bool:
        """Whether no thread may still write to any of these files: one that waits for a silent server ends late."""
        return all(fetch.download.targets.isdisjoint(targets) for fetch in self._fetches.values())

    def start(self, download: Download, done_bytes: int) -> None:
        """Begin with one whose targets are free, and of which so much is here."""
        fetch = Fetch(download, done_bytes, self._make_transfer, self._limit)
        self._fetches[download.id] = fetch
        self.progressed.emit(download.id, fetch.status)
        fetch.start()
        self._timer.start()

    def stop(self, download_id: int) -> None:
        """Have it end soon, where it is under way."""
        if download_id in self._fetches:
            self._fetches[download_id].stop()

    @Slot()
    def look(self) -> None:
        """Say what is new."""
        for download_id, fetch in list(self._fetches.items()):
            ending = fetch.ending  # first: what was written before it is seen for certain
            for number, is_new in fetch.take_arrived():
                self.part_arrived.emit(download_id, number, is_new)
            if not fetch.stopping:
                self.progressed.emit(download_id, fetch.status.in_silence() if fetch.silent else fetch.status)
            if ending is not None:
                del self._fetches[download_id]
                self.ended.emit(download_id, ending)
        if not self._fetches:
            self._timer.stop()

    async def end(self) -> None:
        """Have all of them end, and wait a moment for that. A silent server can hold a thread for longer: it ends with
        the process, as if that had been killed, which costs a little of what has arrived."""
        self._timer.stop()
        for fetch in self._fetches.values():
            fetch.stop()
        deadline = time.monotonic() + _END_SECONDS
        while time.monotonic() < deadline and any(fetch.ending is None for fetch in self._fetches.values()):
            await asyncio.sleep(_END_LOOK_SECONDS)
        self.look()
