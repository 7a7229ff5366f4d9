"""What is done when the machine wakes from sleep: the engine must answer, or another one takes its place."""

from __future__ import annotations

import logging
from typing import Final

from PySide6.QtCore import QObject, QTimer, Slot

from llamadesk.control.activity import Activity
from llamadesk.control.pulse import Pulse
from llamadesk.control.rooms import Rooms

_log = logging.getLogger(__name__)

_ANSWER_SECONDS: Final = 8.0
"""A machine that has just woken is slow for a moment."""


class Waking(QObject):
    """Asks the engine something small after a sleep. A driver that did not survive it may leave the process hanging."""

    def __init__(self, rooms: Rooms, pulse: Pulse, activity: Activity, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._activity = activity
        self._question: int | None = None
        self._patience = QTimer(self, singleShot=True, interval=round(_ANSWER_SECONDS * 1000))
        self._patience.timeout.connect(self._give_up)
        pulse.woke.connect(self._on_woke)
        rooms.client.token_counted.connect(self._on_answer)
        rooms.client.failed.connect(self._on_answer)

    @Slot()
    def _on_woke(self) -> None:
        self._activity.note()  # the time asleep is no time in which the person left it alone
        if self._rooms.engine.devices:
            self._question = self._rooms.client.count_tokens("a")
            self._patience.start()

    @Slot(int)
    def _on_answer(self, request_id: int) -> None:
        if request_id == self._question:
            self._question = None
            self._patience.stop()

    @Slot()
    def _give_up(self) -> None:
        _log.warning("The engine does not answer after a sleep of the machine: it is started again")
        self._question = None
        self._rooms.client.restart()
