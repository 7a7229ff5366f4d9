"""The model's memory is given back when it was left alone for long, and the model comes back by itself."""

from __future__ import annotations

import logging

from PySide6.QtCore import QObject, Slot

from llamadesk.control.activity import Activity
from llamadesk.control.chats import ChatControl
from llamadesk.control.library import ModelControl
from llamadesk.control.pulse import Pulse
from llamadesk.control.replies import ReplyControl
from llamadesk.control.rooms import Rooms
from llamadesk.control.tuning import TuningControl
from llamadesk.core.settings import IDLE_MINUTES
from llamadesk.state.engine import Phase

_log = logging.getLogger(__name__)


class RestControl(QObject):
    """Lets the model rest, and loads it again with the first key of the next message, so that it is there, or nearly
    so, when the message is sent."""

    def __init__(
        self,
        rooms: Rooms,
        chats: ChatControl,
        replies: ReplyControl,
        library: ModelControl,
        tuning: TuningControl,
        activity: Activity,
        pulse: Pulse,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._replies = replies
        self._library = library
        self._tuning = tuning
        self._activity = activity
        pulse.beat.connect(self._look)
        chats.draft_changed.connect(self._on_draft_changed)
        replies.busy_changed.connect(self._on_busy_changed)

    @Slot()
    def _look(self) -> None:
        minutes = self._rooms.settings.get(IDLE_MINUTES, int)
        if (
            minutes
            and self._rooms.engine.status.phase is Phase.READY
            and not self._replies.busy
            and not self._tuning.state.running
            and self._activity.idle_seconds >= minutes * 60
        ):
            _log.info("Nothing was asked for %d minutes: the model rests", minutes)
            self._library.rest()

    @Slot(str)
    def _on_draft_changed(self, text: str) -> None:
        if text.strip():
            self._wake()

    @Slot(bool)
    def _on_busy_changed(self, busy: bool) -> None:
        if busy:
            self._wake()

    def _wake(self) -> None:
        if self._rooms.engine.status.phase is Phase.RESTING:
            self._library.reload()
