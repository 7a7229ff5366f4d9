"""The queue of downloads: one at a time, and all of it goes on after a restart."""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from llamadesk.control.awake import StaysAwake
from llamadesk.control.library import ModelControl
from llamadesk.control.online.download_keeping import KeptDownloads
from llamadesk.control.online.download_news import DownloadNews
from llamadesk.control.online.download_retries import DownloadRetries
from llamadesk.control.online.download_runner import DownloadRunner
from llamadesk.control.online.download_work import Ending, SpeedLimit, deleted, planned
from llamadesk.control.rooms import Rooms
from llamadesk.core.downloads import (
    Download,
    DownloadEntry,
    DownloadPart,
    DownloadStage,
    DownloadStatus,
    incomplete_problem,
    unknown_problem,
)
from llamadesk.core.errors import Problem, ProblemError
from llamadesk.core.hub import HubFile, HubFileKind
from llamadesk.core.paths import DataFolders
from llamadesk.core.settings import DOWNLOAD_LIMIT
from llamadesk.state.downloads import DownloadListModel

if TYPE_CHECKING:
    from llamadesk.control.online.hub import HubControl

_MEGABYTE: Final = 1_000_000
_KEPT_SECONDS: Final = 0.02


class DownloadControl(QObject):
    """Downloads files of the hub into the models folder.

    Attributes:
        state: the downloads, for views to follow.
    """

    finished = Signal(object)
    """Path of the (first) file of a download that is here now, whole."""

    def __init__(
        self,
        rooms: Rooms,
        hub: HubControl,
        library: ModelControl,
        folders: DataFolders,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.state = DownloadListModel(self)
        self._rooms = rooms
        self._hub = hub
        self._models = folders.models
        self._kept = KeptDownloads(rooms, self.state)
        self._news = DownloadNews(rooms, library, self.retry)
        transfer = partial(hub.transfer, records=folders.download_records)
        self._limit = SpeedLimit()
        self._runner = DownloadRunner(transfer, self._limit, self)
        self._runner.progressed.connect(self._on_progressed)
        self._runner.part_arrived.connect(self._on_part_arrived)
        self._runner.ended.connect(self._on_ended)
        self._retries = DownloadRetries(self.state, hub.state, self._go_on, offline=rooms.mode.offline, parent=self)
        self._awake = StaysAwake(rooms, self)
        self._has_ended = False
        self._last_id = 0
        rooms.settings.changed.connect(self._on_setting)
        self._on_setting(DOWNLOAD_LIMIT)

    # --- What is asked for ---

    def add(self, file: HubFile, title: str, asked_as: tuple[str, str] | None = None) -> None:
        """Download a file, all parts of it; where it is here or in the list already, the person is told so.

        Args:
            file: of the hub.
            title: for the person.
            asked_as: see `Download.asked_as`.
        """
        self._rooms.tasks.start(self._add(file, title, asked_as))

    def pause(self, download_id: int) -> None:
        """Let it rest until the person says otherwise. What has arrived is kept."""
        entry = self.state.find(download_id)
        if entry is not None and entry.is_active:
            self._kept.put(msgspec.structs.replace(entry.download, paused=True), DownloadStage.PAUSED)
            self._runner.stop(download_id)
            self._start_next()

    def resume(self, download_id: int) -> None:
        """Go on with one that is paused or has failed."""
        entry = self.state.find(download_id)
        if entry is not None:
            self._news.is_tried_again(entry.download)
            self._go_on(entry)

    def retry(self, download_id: int) -> None:
        """See `resume`."""
        self.resume(download_id)

    def replace(self, download_id: int) -> None:
        """Go on with one that failed because another file has its name: that file may be replaced."""
        entry = self.state.find(download_id)
        if entry is not None and entry.can_replace:
            number, part = next((n, part) for n, part in enumerate(entry.download.parts) if not part.arrived)
            part = msgspec.structs.replace(part, replace=True)
            self._kept.put(entry.download.with_part(number, part), entry.status)
            self.resume(download_id)

    def cancel(self, download_id: int) -> None:
        """Give it up: what has arrived is deleted. One that is done only leaves the list."""
        entry = self.state.find(download_id)
        if entry is None:
            return
        is_done = entry.status.stage is DownloadStage.DONE
        download = msgspec.structs.replace(entry.download, cancelled=not is_done)
        self._kept.remove(download, files_too=not is_done)
        self._runner.stop(download_id)
        if not (is_done or self._runner.holds(download_id)):
            self._rooms.tasks.start(self._delete(download))
        self._start_next()

    def forget_done(self) -> None:
        """Clear away what is done; the files stay."""
        for entry in self.state.entries():
            if entry.status.stage is DownloadStage.DONE:
                self.cancel(entry.download.id)

    def use(self, download_id: int) -> None:
        """Choose and load the model of one that is done."""
        entry = self.state.find(download_id)
        if entry is not None and entry.status.stage is DownloadStage.DONE:
            self._news.use(entry.download)

    async def begin(self) -> None:
        """Go on with what was not finished when the app ended, unless it was paused."""
        with contextlib.suppress(ProblemError):  # the store logs it
            await self._kept.take()
        for download in list(self._kept.cancelled.values()):
            if not self._runner.holds(download.id):
                self._rooms.tasks.start(self._delete(download))
        self._start_next()

    async def end(self) -> None:
        """The app ends: stop, within a moment. Everything is kept and goes on the next time."""
        self._has_ended = True
        self._retries.end()
        self._awake.release()
        await self._runner.end()
        await asyncio.sleep(_KEPT_SECONDS)  # what is to be kept now is on its way to the store then

    # --- The queue ---

    async def _add(self, file: HubFile, title: str, asked_as: tuple[str, str] | None) -> None:
        if not file.is_complete:
            raise ProblemError(incomplete_problem(title, len(file.parts), file.n_parts))
        await self._kept.take()
        parts, is_here = await self._rooms.tasks.read(planned, file, self._models, self._hub.url)
        if self._is_known(parts, is_here, asked_as):
            return
        if is_here:  # it costs nothing to see whether it is right, and what is damaged is mended where that can be
            self._news.is_being_checked(title)
        self._last_id = max(int(time.time() * 1000), self._last_id + 1)
        download = Download(
            id=self._last_id,
            title=title,
            repository=file.repository,
            parts=parts,
            added_at=self._last_id,
            from_hub_path=file.path,
            is_model=file.kind is HubFileKind.MODEL,
            asked_as=asked_as,
        )
        self._kept.put(download, DownloadStage.WAITING)
        self._start_next()

    def _is_known(self, parts: tuple[DownloadPart, ...], is_here: bool, asked_as: tuple[str, str] | None) -> bool:
        """Whether these files are in the list. Then the person has been told so, or what rested goes on."""
        targets = {part.target for part in parts}
        for entry in self.state.entries():
            if targets.isdisjoint(entry.download.targets):
                continue
            if asked_as is not None:  # it may have been begun without the catalogue
                self._kept.put(msgspec.structs.replace(entry.download, asked_as=asked_as), entry.status)
            if entry.is_active:
                self._news.is_under_way(entry.download)
            elif entry.status.stage is not DownloadStage.DONE:
                self.resume(entry.download.id)
            elif is_here:
                self._news.is_here(entry.download)
            else:  # it was, and was deleted since
                self.cancel(entry.download.id)
                continue
            return True
        return False

    def _go_on(self, entry: DownloadEntry) -> None:
        if entry.status.stage in (DownloadStage.PAUSED, DownloadStage.FAILED):
            self._kept.put(msgspec.structs.replace(entry.download, paused=False), DownloadStage.WAITING)
            self._start_next()

    def _start_next(self) -> None:
        """Begin with the next one that waits, unless one is under way."""
        if not (self._has_ended or self._runner.is_busy):
            for entry in self.state.entries():
                if entry.status.stage is DownloadStage.WAITING and self._is_free(entry.download):
                    self._runner.start(entry.download, entry.status.done_bytes)
                    break
        self._awake.set_busy(self._runner.is_busy)

    def _is_free(self, download: Download) -> bool:
        """Whether nothing else may still write to its files, or delete them."""
        targets = download.targets
        given_up = self._kept.cancelled.values()
        return self._runner.is_free(targets) and all(targets.isdisjoint(each.targets) for each in given_up)

    # --- What comes of them ---

    @Slot(object, object)
    def _on_progressed(self, download_id: int, status: DownloadStatus) -> None:
        entry = self.state.find(download_id)
        if entry is not None:
            self._kept.put(entry.download, status)

    @Slot(object, int, bool)
    def _on_part_arrived(self, download_id: int, number: int, is_new: bool) -> None:
        entry = self.state.find(download_id)
        download = entry.download if entry is not None else self._kept.cancelled[download_id]
        part = msgspec.structs.replace(download.parts[number], arrived=True, ours=is_new)
        download = download.with_part(number, part)
        if entry is not None:
            self._kept.put(download, entry.status)
        else:
            self._kept.cancelled[download_id] = download

    @Slot(object, object)
    def _on_ended(self, download_id: int, ending: Ending) -> None:
        entry = self.state.find(download_id)
        if entry is None:
            self._rooms.tasks.start(self._delete(self._kept.cancelled[download_id]))
        elif ending.whole:
            self._finish(entry.download)
        elif ending.bug is not None:
            self._rooms.tasks.start(_report(ending.bug))
            self._fail(entry, unknown_problem(ending.bug))
        elif ending.problem is not None:
            self._fail(entry, ending.problem)
        self._start_next()

    def _finish(self, download: Download) -> None:
        download = msgspec.structs.replace(download, paused=False, finished_at=int(time.time() * 1000))
        self._kept.put(download, DownloadStatus(DownloadStage.DONE, download.size, download.size))
        if not self._has_ended:
            self._news.finished(download)
            self.finished.emit(download.file)

    def _fail(self, entry: DownloadEntry, problem: Problem) -> None:
        done, total = entry.status.done_bytes, entry.status.total_bytes
        words = "" if self._has_ended else self._retries.plan(problem)
        status = DownloadStatus(DownloadStage.FAILED, done, total, trouble=words, problem=problem)
        self._kept.put(entry.download, status)
        self._news.failed(entry.download, problem)

    async def _delete(self, download: Download) -> None:
        try:
            await self._rooms.tasks.read(deleted, download, self._models)
        except OSError as error:
            self._news.not_deleted(download, error)
        self._kept.forget(download.id)
        self._start_next()

    @Slot(str)
    def _on_setting(self, key: str) -> None:
        if key == DOWNLOAD_LIMIT:
            self._limit.bytes_per_second = round(self._rooms.settings.get(DOWNLOAD_LIMIT, float) * _MEGABYTE)


async def _report(bug: BaseException) -> None:
    """Fail, for whoever looks after tasks to report it."""
    raise bug
