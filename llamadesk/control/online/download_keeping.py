"""The downloads as the store has them: whatever changes of one is shown and kept at once."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from llamadesk.control.online.download_work import looked_at
from llamadesk.control.rooms import Rooms
from llamadesk.core.downloads import Download, DownloadEntry, DownloadStage, DownloadStatus
from llamadesk.state.downloads import DownloadListModel

_PREFIX: Final = "download/"


class KeptDownloads:
    """Keeps what is in the list, so that it is there again after a restart.

    Attributes:
        cancelled: those that have left the list, and of which something may still lie on the disk. They are kept too,
            or what lies there would be forgotten if the app ended now.
    """

    def __init__(self, rooms: Rooms, state: DownloadListModel) -> None:
        self.cancelled: dict[int, Download] = {}
        self._rooms = rooms
        self._state = state
        self._taking = asyncio.Lock()
        self._taken = False

    async def take(self) -> None:
        """Show what the store has, the first time that this is asked for.

        Raises:
            ProblemError: it cannot be read; it may be asked for again.
        """
        async with self._taking:
            if self._taken:
                return
            kept = await self._rooms.store.learned_under(_PREFIX, Download)
            found = await self._rooms.tasks.read(looked_at, list(kept.values()))
            entries = []
            for download, n_bytes, is_here in found:
                if download.cancelled:
                    self.cancelled[download.id] = download
                elif download.finished_at and not is_here:
                    self._keep(download.id)  # moved or deleted since: there is nothing to list
                else:
                    status = DownloadStatus(self._stage(download), n_bytes, download.size)
                    entries.append(DownloadEntry(download, status))
            self._state.show(entries)
            self._taken = True

    def put(self, download: Download, status: DownloadStatus | DownloadStage) -> None:
        """A download is new or other than before. Where a stage alone is given, it is as far as it was."""
        known = self._state.find(download.id)
        if isinstance(status, DownloadStage):
            status = DownloadStatus(status, known.status.done_bytes if known else 0, download.size)
        self._state.put(DownloadEntry(download, status))
        if known is None or known.download != download:
            self._keep(download.id)

    def remove(self, download: Download, *, files_too: bool) -> None:
        """A download leaves the list; with `files_too` it is one of `cancelled` now."""
        self._state.remove(download.id)
        if files_too:
            self.cancelled[download.id] = download
        self._keep(download.id)

    def forget(self, download_id: int) -> None:
        """Nothing lies on the disk any more of one of `cancelled`."""
        self.cancelled.pop(download_id, None)
        self._keep(download_id)

    def _stage(self, download: Download) -> DownloadStage:
        if download.finished_at:
            return DownloadStage.DONE
        # With --offline none can go on: to try would only make each fail.
        rests = download.paused or self._rooms.mode.offline
        return DownloadStage.PAUSED if rests else DownloadStage.WAITING

    def _keep(self, download_id: int) -> None:
        self._rooms.keeping.keep_soon((_PREFIX, download_id), partial(self._write, download_id), words=False)

    async def _write(self, download_id: int) -> None:
        """Make the store say what is so now."""
        entry = self._state.find(download_id)
        download = entry.download if entry is not None else self.cancelled.get(download_id)
        key = f"{_PREFIX}{download_id}"  # all ids have as many digits: none begins as another
        if download is not None:
            await self._rooms.store.learn(key, download)
        else:
            await self._rooms.store.unlearn(key)
