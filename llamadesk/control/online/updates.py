"""Whether there is a newer LlamaDesk. Asked only where the person wants it, and only told: nothing is installed."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from llamadesk import __version__
from llamadesk.control.notices import NoticeKind
from llamadesk.control.preferences import PreferenceControl
from llamadesk.control.rooms import Rooms
from llamadesk.core.errors import ProblemError
from llamadesk.core.paths import APP_NAME
from llamadesk.core.project import RELEASE_FILE
from llamadesk.core.release import Release, is_newer, read_release
from llamadesk.core.settings import UPDATE_CHECK, UPDATE_CHECKED_AT

_AFTER_START_MS = 15_000
"""The model is loaded first."""
_DAY_SECONDS = 24 * 60 * 60
_MOST_BYTES = 64 * 1024
_PATIENCE_SECONDS = 10.0
_OFFLINE = f"{APP_NAME} was started with --offline: it does not look for new versions."
_NOT_UNDERSTOOD = "The project's page gave an answer that is not understood. Try again later."


class UpdateControl(QObject):
    """Reads the project's release file, at most once a day by itself, and when the person asks.

    Args:
        rooms: the settings say whether; the notices tell.
        preferences: remembers when it was done.
        address: of the release file.
        clock: seconds since 1970.
    """

    checking_changed = Signal(bool)
    """Whether the person waits for an answer."""
    page_wanted = Signal(str)
    """The person wants to see a page of the project (https) in their browser."""

    def __init__(
        self,
        rooms: Rooms,
        preferences: PreferenceControl,
        parent: QObject | None = None,
        *,
        address: str = RELEASE_FILE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._preferences = preferences
        self._address = address
        self._clock = clock
        self._checking = False
        self._timer = QTimer(self, singleShot=True, interval=_AFTER_START_MS)
        self._timer.timeout.connect(self.check_if_due)

    def begin(self) -> None:
        """The app has started: look in a while, if the person wants that."""
        if self._rooms.settings.get(UPDATE_CHECK, bool):
            self._timer.start()

    def check_if_due(self) -> None:
        """Look unless that was done within a day, the person does not want it, or the network is refused."""
        since = self._clock() - self._rooms.settings.get(UPDATE_CHECKED_AT, int)
        done_today = 0 <= since < _DAY_SECONDS  # a clock that was ahead once does not put it off for years
        if self._rooms.settings.get(UPDATE_CHECK, bool) and not self._rooms.mode.offline and not done_today:
            self._rooms.tasks.start(self._check(asked=False), apart=True)

    def check_now(self) -> None:
        """Look because the person asked, who is told what came of it."""
        if self._rooms.mode.offline:
            self._rooms.notices.post(NoticeKind.WARNING, _OFFLINE)
        elif not self._checking:
            self._set_checking(True)
            self._rooms.tasks.start(self._check(asked=True), apart=True)

    async def _check(self, *, asked: bool) -> None:
        self._preferences.set(UPDATE_CHECKED_AT, int(self._clock()))
        try:
            release = read_release(await self._rooms.tasks.read_apart(_get, self._address))
        except ProblemError as error:
            if asked:
                self._rooms.notices.problem(error.problem, kind=NoticeKind.WARNING)
        except ValueError as error:
            if asked:
                self._rooms.notices.post(NoticeKind.WARNING, _NOT_UNDERSTOOD, detail=str(error))
        else:
            self._tell(release, asked)
        finally:
            if asked:
                self._set_checking(False)

    def _tell(self, release: Release, asked: bool) -> None:
        if is_newer(release.version, than=__version__):
            self._rooms.notices.post(
                NoticeKind.INFO,
                f"{APP_NAME} {release.version} is out; this is {__version__}. {release.notes}".strip(),
                action_label="See what is new",
                action=lambda: self.page_wanted.emit(release.page),
                stays=True,
            )
        elif asked:
            self._rooms.notices.post(NoticeKind.INFO, f"There is no newer version: this is {APP_NAME} {__version__}.")

    def _set_checking(self, checking: bool) -> None:
        self._checking = checking
        self.checking_changed.emit(checking)


def _get(address: str) -> bytes:
    """Blocking. Only a thread of its own imports what speaks to the network."""
    from llamadesk.web.fetch import get  # noqa: PLC0415

    return get(address, most_bytes=_MOST_BYTES, seconds=_PATIENCE_SECONDS)
