"""What goes on behind the window once it is on the screen: the event loop, later starts, and an orderly end.

Imported after the first frame: asyncio and qasync take longer to import than the window takes to be built.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import qasync
from PySide6.QtCore import QObject, QSocketNotifier, Qt, QTimerEvent, QUrl
from PySide6.QtGui import QDesktopServices

from llamadesk.application import Application
from llamadesk.control.desk import Desk
from llamadesk.core.errors import ProblemError
from llamadesk.instance import SingleInstance
from llamadesk.ui.main_window import MainWindow
from llamadesk.ui.unsaved import Leave, UnsavedDialog

_log = logging.getLogger(__name__)


class Session:
    """Works the desk until the window is closed.

    Args:
        application: its event loop becomes asyncio's.
        window: is on the screen, unless the person has closed it again already.
        desk: what the window shows.
        instance: holds the data folder.
        model: the model file to begin with, or None for the one of last time.
        on_bug: told of every exception that nobody expected.
    """

    def __init__(
        self,
        application: Application,
        window: MainWindow,
        desk: Desk,
        instance: SingleInstance,
        model: Path | None,
        on_bug: Callable[[BaseException], None],
    ) -> None:
        self._window = window
        self._desk = desk
        opened = application.take_files()
        self._model = model or (opened[-1] if opened else None)
        self._on_bug = on_bug
        self._loop = qasync.QEventLoop(application)
        self._loop.set_default_executor(ThreadPoolExecutor(1, "reading"))
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(self._on_loop_exception)
        self._closed = asyncio.Event()
        self._beginning: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._question: UnsavedDialog | None = None
        self._told_to_end = False
        self._collector = _Collector(application)
        self._signals = _EndSignals(self._end, application)
        application.lastWindowClosed.connect(self._begin_closing)
        instance.file_received.connect(self._on_file_received)
        instance.listen()
        desk.updates.page_wanted.connect(_open_in_browser)
        application.file_opened.connect(self._on_file_received)

    def stay(self) -> None:
        """Return when everything is closed."""
        with self._loop:
            self._beginning = self._loop.create_task(self._begin())
            if not self._window.isVisible():
                self._begin_closing()
            self._loop.run_until_complete(self._closed.wait())

    async def _begin(self) -> None:
        try:
            await self._desk.begin(self._model)
        except ProblemError as error:
            self._desk.notices.problem(error.problem)
        except Exception as error:
            self._on_bug(error)

    def _begin_closing(self) -> None:
        if self._closing is None:
            self._window.hide()
            self._closing = self._loop.create_task(self._close())

    def _end(self) -> None:
        """The system wants the app to end: nobody may be there to answer a question."""
        self._told_to_end = True
        if self._question is not None:
            self._question.choose(Leave.CLOSE)
        self._begin_closing()

    async def _close(self) -> None:
        try:
            if not await self._may_close():
                self._closing = None
                self._window.show()
                return
            await self._stop_beginning()
            await self._desk.close()
        except Exception:
            _log.exception("closing")
        self._closed.set()

    async def _stop_beginning(self) -> None:
        """A window that was hardly open may be closed: what the desk still wants to begin has no store any more."""
        if self._beginning is not None:
            self._beginning.cancel()
            await asyncio.wait({self._beginning})

    async def _may_close(self) -> bool:
        """Whether everything is kept, or the person lets go of what cannot be."""
        while (problem := await self._desk.keep_all()) is not None and not self._told_to_end:
            answer = self._loop.create_future()
            self._question = UnsavedDialog(problem, self._window.theme)
            self._question.chosen.connect(answer.set_result)
            self._question.open()
            leave = await answer
            self._question.deleteLater()
            self._question = None
            if leave is not Leave.TRY_AGAIN:
                return leave is Leave.CLOSE
        return True

    def _on_file_received(self, path: Path | None) -> None:
        window = self._window
        window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
        window.show()
        window.raise_()
        window.activateWindow()
        if path is not None:
            self._desk.library.add_file(path)

    def _on_loop_exception(self, _loop: object, context: dict[str, object]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            self._on_bug(error)
        else:
            _log.error("event loop: %s", context.get("message"))


def _open_in_browser(address: str) -> None:
    QDesktopServices.openUrl(QUrl(address))


class _Collector(QObject):
    """Collects Python's garbage on the window's thread alone.

    Left to itself the collector runs on whichever thread allocates, the store's or the supervisor's too, and a widget
    that is deleted on another thread than its own takes the process down.
    """

    _INTERVAL_MS = 1000

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._thresholds = gc.get_threshold()
        gc.disable()
        gc.freeze()  # what start-up made stays: it need not be looked at again
        self.startTimer(self._INTERVAL_MS)

    def timerEvent(self, _event: QTimerEvent) -> None:
        """Collect the oldest generation whose count has come to its threshold."""
        due = [count > limit for count, limit in zip(gc.get_count(), self._thresholds, strict=True)]
        if any(due):
            gc.collect(max(generation for generation, is_due in enumerate(due) if is_due))


class _EndSignals:
    """SIGTERM and SIGINT close the window as a person would. A signal wakes Qt through a socket: Python's own handlers
    wait until Python code runs, which in an idle window can be long."""

    def __init__(self, end: object, parent: QObject) -> None:
        self._read, self._write = socket.socketpair()
        self._write.setblocking(False)
        signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        self._notifier = QSocketNotifier(self._read.fileno(), QSocketNotifier.Type.Read, parent)
        self._notifier.activated.connect(end)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ignore)

    @staticmethod
    def _ignore(_number: int, _frame: FrameType | None) -> None:
        """The wake-up is what counts."""
