"""A slow beat for what is done at idle moments; it also notices that the machine has slept."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

_log = logging.getLogger(__name__)

BEAT_SECONDS: Final = 10.0
_SLEPT_SECONDS: Final = 20.0
"""A beat that is so late was held up by more than a busy machine."""


class Pulse(QObject):
    """Beats every ten seconds, and tells after a sleep of the machine.

    It compares the clock on the wall with the time that should have passed: some systems stop their other clocks while
    they sleep, some do not. A wall clock that is set forward by hand looks the same, which does no harm.
    """

    beat = Signal()
    woke = Signal(float)
    """The machine has slept for so many seconds; comes before the beat."""

    def __init__(self, parent: QObject | None = None, *, wall_clock: Callable[[], float] = time.time) -> None:
        super().__init__(parent)
        self._wall_clock = wall_clock
        self._beat_at = 0.0
        self._timer = QTimer(self, interval=round(BEAT_SECONDS * 1000))
        self._timer.setTimerType(Qt.TimerType.VeryCoarseTimer)
        self._timer.timeout.connect(self.look)

    def begin(self) -> None:
        """Beat from now on."""
        self._beat_at = self._wall_clock()
        self._timer.start()

    @Slot()
    def look(self) -> None:
        """Beat now, after a look at the clock."""
        now = self._wall_clock()
        late, self._beat_at = now - self._beat_at - BEAT_SECONDS, now
        if late > _SLEPT_SECONDS:
            _log.info("The machine seems to have slept for %.0f s", late)
            self.woke.emit(late)
        self.beat.emit()
