"""When the person did something last."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal, Slot

from llamadesk.control.chats import ChatControl
from llamadesk.control.replies import ReplyControl
from llamadesk.control.rooms import Rooms


class Activity(QObject):
    """Typing, opening a chat, a reply's beginning and end, another setting or model: whatever shows that LlamaDesk is
    being used."""

    acted = Signal()

    def __init__(
        self,
        rooms: Rooms,
        chats: ChatControl,
        replies: ReplyControl,
        parent: QObject | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(parent)
        self._clock = clock
        self._acted_at = clock()
        chats.draft_changed.connect(self.note)
        chats.opened.connect(self.note)
        replies.busy_changed.connect(self.note)
        rooms.settings.changed.connect(self.note)
        rooms.models.chosen_changed.connect(self.note)

    @property
    def idle_seconds(self) -> float:
        """Since anything was done."""
        return self._clock() - self._acted_at

    @Slot()
    def note(self) -> None:
        """Something is done now."""
        self._acted_at = self._clock()
        self.acted.emit()
