"""The real window on a real desk, in this process, worked with keys and the mouse as a person would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import shiboken6
from PySide6.QtCore import QMimeData, QObject, QPoint, QPointF, Qt, QTimer, QTimerEvent, QUrl
from PySide6.QtGui import QAccessible, QAccessibleInterface, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from llamadesk.control.desk import Desk
from llamadesk.core.chat import Message
from llamadesk.core.settings import CONTEXT_LENGTH, PANE_SHOWN, TEMPERATURE
from llamadesk.state.engine import Phase
from llamadesk.ui.bug_report import BugReportDialog
from llamadesk.ui.main_window import MainWindow
from tests.control.desk_driver import DeskDriver


class Pulse(QObject):
    """Beats while the event loop turns, and keeps the longest time in which it did not. Ends with its parent."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.longest = 0.0
        self._last = time.monotonic()
        self.startTimer(10)

    def restart(self) -> None:
        """Forget what was; the loop turns again from now on."""
        self.longest, self._last = 0.0, time.monotonic()

    def timerEvent(self, _event: QTimerEvent) -> None:
        now = time.monotonic()
        self.longest, self._last = max(self.longest, now - self._last), now


class WindowDriver:
    """Opens the window on a driver's data, again and again if need be."""

    desk: Desk
    window: MainWindow

    def __init__(self, driver: DeskDriver) -> None:
        self.driver = driver
        self.is_open = False

    def open(self) -> None:
        """Open the window, with the settings pane, on the real engine and the starter model, and wait for that."""
        self.driver.open(before=self._show)
        self.until_ready()

    def _show(self, desk: Desk) -> None:
        self.desk = desk
        desk.preferences.set(CONTEXT_LENGTH, 2048)
        desk.preferences.set(TEMPERATURE, 0.0)
        desk.preferences.set(PANE_SHOWN, True)
        self.window = MainWindow(desk)
        self.window.resize(1280, 860)
        self.window.show()
        self.is_open = True

    def close(self) -> None:
        """Close it as the app does: what is being written is kept behind it."""
        assert self.window.close()
        self.is_open = False
        self.driver.close(self.desk)
        shiboken6.delete(self.window)

    # --- What a person does ---

    def type(self, text: str) -> None:
        """Type into the composer."""
        QTest.keyClicks(self.window.chat.composer.edit, text)

    def send(self, text: str) -> None:
        """Type, and press Enter."""
        self.type(text)
        self.press_enter()

    def press_enter(self) -> None:
        """Press Enter in the composer."""
        QTest.keyClick(self.window.chat.composer.edit, Qt.Key.Key_Return)

    def stop(self) -> None:
        """Press the button that ends a reply."""
        (button,) = (b for b in self.window.findChildren(QPushButton) if b.accessibleName() == "Stop generating")
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def drop(self, path: Path) -> None:
        """Drop a file on the window."""
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        how = Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        entering = QDragEnterEvent(QPoint(600, 300), *how)
        QGuiApplication.sendEvent(self.window, entering)
        assert entering.isAccepted()
        QGuiApplication.sendEvent(self.window, QDropEvent(QPointF(600, 300), *how))

    # --- What a person sees ---

    @property
    def typed(self) -> str:
        """What stands in the composer."""
        return self.window.chat.composer.edit.text()

    @property
    def notices(self) -> list[str]:
        """The notices on screen, oldest first."""
        return [card.notice.text for card in self.window.chat.notices.cards]

    @property
    def messages(self) -> list[Message]:
        """The messages of the chat on screen."""
        return self.desk.transcript.messages()

    def shown_has(self, text: str) -> bool:
        """Whether the transcript shows the last words of `text` (the first may be out of sight)."""
        shown = "\n".join(_texts(QAccessible.queryAccessibleInterface(self.window.chat.transcript)))
        return " ".join(text.split()[-5:]) in " ".join(shown.split())

    def until_ready(self) -> None:
        """Wait until a model is loaded and nothing is being written."""
        self.driver.until(lambda: self.desk.engine.status.phase is Phase.READY and not self.desk.replies.busy, 60)

    async def settled(self) -> None:
        """Return when nothing is being read or written for the window, no model loaded and no engine started."""
        while True:
            await self.desk._rooms.tasks.drained()
            if self.desk.engine.status.phase is not Phase.LOADING and not self.desk.replies.busy:
                return
            await asyncio.sleep(0.005)

    def check_alive(self) -> None:
        """Fail unless the window is on the screen, its loop turns, and nobody was shown a report of a bug."""
        turned: list[int] = []
        QTimer.singleShot(0, self.window, lambda: turned.append(1))
        self.driver.until(lambda: turned, 5)
        assert self.window.isVisible()
        assert not self.window.grab().isNull()
        assert not self.window.findChildren(BugReportDialog)
        assert not self.driver.bugs


MakeWindowDriver = Callable[[Path], WindowDriver]


def _texts(interface: QAccessibleInterface | None) -> list[str]:
    if interface is None or not interface.isValid():
        return []
    own = interface.textInterface()
    texts = [own.text(0, own.characterCount())] if own is not None else [interface.text(QAccessible.Text.Name)]
    for number in range(interface.childCount()):
        texts += _texts(interface.child(number))
    return texts
