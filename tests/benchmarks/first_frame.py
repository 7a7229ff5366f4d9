"""When the window can be used: it is painted, and a key that was pressed is in the composer."""

from __future__ import annotations

import time
from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QMainWindow


class FirstFrame(QObject):
    """Waits, without asyncio's help, until the window has handled its first paint event; then presses a key.

    Attributes:
        usable: when the key was in the composer, by time.monotonic.
        cpu: CPU seconds of this process until then.
        trouble: what was wrong, or "".
    """

    def __init__(self, window: QMainWindow) -> None:
        super().__init__()
        self.usable = self.cpu = 0.0
        self.trouble = "the window was never painted"
        self._window = window
        window.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self._window.removeEventFilter(self)
            QTimer.singleShot(0, self._press)  # when this frame is on the screen
        return False

    def _press(self) -> None:
        edit: Any = self._window.focusWidget()  # where a key goes
        QCoreApplication.sendEvent(
            edit, QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_X, Qt.KeyboardModifier.NoModifier, "x")
        )
        text = edit.toPlainText() if edit.accessibleName() == "Message" else ""
        self.usable, self.cpu = time.monotonic(), time.process_time()
        self.trouble = "" if text == "x" else "the composer takes no input"
        edit.clear()
