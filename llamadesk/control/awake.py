"""The machine does not go to sleep by itself while something long is under way: a reply, a download, a new model."""

from __future__ import annotations

import logging
import threading
from typing import Final

from PySide6.QtCore import QObject, QTimer, Slot

from llamadesk.control.replies import ReplyControl
from llamadesk.control.rooms import Rooms
from llamadesk.core.settings import KEEP_AWAKE

_log = logging.getLogger(__name__)

_AFTER_SECONDS: Final = 15.0
"""A system waits minutes after the last key; most work is done sooner than this, and costs nothing."""


class StaysAwake(QObject):
    """Asks the system to stay awake while some work is under way and the setting wants it. That it cannot is no trouble
    for the person. Several may do so at once."""

    def __init__(self, rooms: Rooms, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._busy = False
        self._released: threading.Event | None = None
        self._timer = QTimer(self, singleShot=True, interval=round(_AFTER_SECONDS * 1000))
        self._timer.timeout.connect(self.hold)
        rooms.settings.changed.connect(self._look)

    @property
    def held(self) -> bool:
        """Whether the system was asked to stay awake."""
        return self._released is not None

    @Slot(bool)
    def set_busy(self, busy: bool) -> None:
        """The work has begun, or ended."""
        self._busy = busy
        self._look()

    @Slot()
    def hold(self) -> None:
        """Ask the system to stay awake, on a thread of its own: it may take long to answer."""
        if self._released is None:
            self._released = threading.Event()
            threading.Thread(target=_stay_awake, args=(self._released,), name="awake", daemon=True).start()

    @Slot()
    def release(self) -> None:
        """The system may go to sleep as it likes."""
        self._timer.stop()
        released, self._released = self._released, None
        if released is not None:
            released.set()

    @Slot()
    def _look(self) -> None:
        if not self._busy or not self._rooms.settings.get(KEEP_AWAKE, bool):
            self.release()
        elif not self.held and not self._timer.isActive():
            self._timer.start()


class Awake(StaysAwake):
    """Follows the replies."""

    def __init__(self, rooms: Rooms, replies: ReplyControl, parent: QObject | None = None) -> None:
        super().__init__(rooms, parent)
        replies.busy_changed.connect(self.set_busy)


def _stay_awake(released: threading.Event) -> None:
    """Hold until `released` is set. wakepy asks and lets go on one and the same thread."""
    try:
        from wakepy import keep  # noqa: PLC0415 - most replies need none

        with keep.running(on_fail="pass") as mode:
            how = mode.active_method.name if mode.active_method is not None else "no way"
            _log.info("Stays awake: %s", how)
            released.wait()
    except Exception as error:
        _log.info("The system cannot be asked to stay awake (%s)", type(error).__name__)
