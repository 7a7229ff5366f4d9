"""What the person is told of downloads, and what they are offered then."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from llamadesk.control.library import ModelControl
from llamadesk.control.notices import NoticeKind
from llamadesk.control.rooms import Rooms
from llamadesk.core.downloads import Download
from llamadesk.core.errors import Problem


class DownloadNews:
    """Posts notices. Of one that fails again and again it tells once."""

    def __init__(self, rooms: Rooms, library: ModelControl, retry: Callable[[int], None]) -> None:
        """`retry`: goes on with a download, by its id."""
        self._rooms = rooms
        self._library = library
        self._retry = retry
        self._failed: set[int] = set()

    def is_being_checked(self, title: str) -> None:
        """All of a file that is asked for lies here already."""
        self._inform(f"“{title}” is on this disk already. It is being checked.")

    def is_under_way(self, download: Download) -> None:
        """What is asked for is being downloaded."""
        self._inform(f"“{download.title}” is being downloaded already.")

    def is_here(self, download: Download) -> None:
        """What is asked for was downloaded before."""
        self._offer(download, f"“{download.title}” is here already.")

    def finished(self, download: Download) -> None:
        """A file is here now. The first model of all is used at once: somebody waits to chat."""
        self._failed.discard(download.id)
        if download.is_model and self._rooms.models.chosen is None and not self._rooms.mode.safe:
            self.use(download)
        else:
            self._library.rescan()
            self._offer(download, f"“{download.title}” is downloaded.")

    def failed(self, download: Download, problem: Problem) -> None:
        """Nothing came of it."""
        if download.id not in self._failed:
            self._failed.add(download.id)
            title = f"“{download.title}” could not be downloaded. {problem.title}"
            told = msgspec.structs.replace(problem, title=title)
            self._rooms.notices.problem(told, action_label="Try again", action=partial(self._retry, download.id))

    def is_tried_again(self, download: Download) -> None:
        """The person wants it tried again, and to know what comes of it."""
        self._failed.discard(download.id)

    def use(self, download: Download) -> None:
        """Choose and load the model that was downloaded, be it known here already or not."""
        if self._rooms.models.file_at(download.file) is not None:
            self._library.choose_file(download.file)
        else:
            self._library.add_file(download.file)

    def not_deleted(self, download: Download, error: OSError) -> None:
        """It was given up, and some of it is still there."""
        text = f"Not all of “{download.title}” could be deleted. It lies in {download.file.parent}."
        self._rooms.notices.post(NoticeKind.WARNING, text, detail=f"{type(error).__name__}: {error.strerror}")

    def _offer(self, download: Download, text: str) -> None:
        if not download.is_model:
            self._inform(text)
            return
        use = partial(self.use, download)
        self._rooms.notices.post(NoticeKind.INFO, text, action_label="Use it", action=use, stays=True)

    def _inform(self, text: str) -> None:
        self._rooms.notices.post(NoticeKind.INFO, text)
