"""The window's process, from the first step to the last."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import qasync
from PySide6.QtCore import QObject, QSocketNotifier, Qt, QTimerEvent, QtMsgType, Signal, Slot, qInstallMessageHandler
from PySide6.QtWidgets import QApplication, QMessageBox

from llamadesk import __version__, log
from llamadesk.arguments import Options
from llamadesk.bridge.client import engine_command
from llamadesk.control.desk import Desk
from llamadesk.core.errors import ProblemError
from llamadesk.core.paths import APP_NAME
from llamadesk.instance import SingleInstance
from llamadesk.store.front import Store
from llamadesk.ui.accessible import guard_scroll_areas
from llamadesk.ui.bug_report import BugReportDialog
from llamadesk.ui.main_window import MainWindow

_log = logging.getLogger(__name__)


def run(options: Options) -> int:
    """Open the window on the person's data and stay until it is closed; returns the exit code."""
    log.setup_logging(options.folders, verbose=False)
    qInstallMessageHandler(_log_qt_message)
    application = _application()
    instance = SingleInstance(options.folders)
    if not instance.acquire():
        return _hand_over(instance, options)
    try:
        store = Store.open(options.folders)
    except ProblemError as error:
        _log.error("%s", error)
        _tell(error.problem.title, error.problem.advice)
        instance.release()
        return 1
    try:
        return _Session(application, options, store, instance).stay()
    finally:
        instance.release()


def _application() -> QApplication:
    application = QApplication(sys.argv[:1])
    application.setApplicationName(APP_NAME)
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("llamadesk")
    guard_scroll_areas()
    application.setQuitOnLastWindowClosed(False)  # closing takes a moment: what is being written is kept first
    return application


def _hand_over(instance: SingleInstance, options: Options) -> int:
    if instance.pass_on(options.model):
        sys.stdout.write(f"{APP_NAME} is already open: its window comes to the front.\n")
        return 0
    _tell(
        f"{APP_NAME} is already open with these chats.",
        "Use the window that is open. If you cannot see one, it may be closing: wait a moment and start again.",
    )
    return 1


def _tell(title: str, advice: str) -> None:
    """Say why there will be no window; on the console too, for whoever started it there."""
    sys.stderr.write(f"{title} {advice}\n")
    box = QMessageBox(QMessageBox.Icon.Warning, APP_NAME, title)
    box.setInformativeText(advice)
    box.exec()


class _Session:
    """The event loop, the desk and the window, and their orderly end."""

    def __init__(self, application: QApplication, options: Options, store: Store, instance: SingleInstance) -> None:
        self._options = options
        self._loop = qasync.QEventLoop(application)
        self._loop.set_default_executor(ThreadPoolExecutor(1, "reading"))
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(self._on_loop_exception)
        self._closed = asyncio.Event()
        self._desk = Desk(options.folders, store, engine_command(), self._on_bug)
        self._window = MainWindow(self._desk)
        self._closing: asyncio.Task[None] | None = None
        self._bugs = _BugReports(self._window, options.folders.logs)
        log.install_exception_hooks(self._bugs.reported.emit)
        application.lastWindowClosed.connect(self._begin_closing)
        instance.file_received.connect(self._on_file_received)
        self._collector = _Collector(application)
        self._signals = _EndSignals(self._begin_closing, application)

    def stay(self) -> int:
        """Show the window and return when everything is closed."""
        self._window.show()
        with self._loop:
            begun = self._loop.create_task(self._begin())
            self._loop.run_until_complete(self._closed.wait())
            begun.cancel()
        return 0

    async def _begin(self) -> None:
        await asyncio.sleep(0)  # the first frame is painted before anything is read or started
        try:
            await self._desk.begin(self._options.model)
        except ProblemError as error:
            self._desk.notices.problem(error.problem)
        except Exception as error:
            self._on_bug(error)

    def _begin_closing(self) -> None:
        if self._closing is None:
            self._window.hide()
            self._closing = self._loop.create_task(self._close())

    async def _close(self) -> None:
        try:
            await self._desk.close()
        except Exception:
            _log.exception("closing")
        finally:
            self._closed.set()

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

    def _on_bug(self, error: BaseException) -> None:
        _log.error("unexpected", exc_info=error)
        self._bugs.reported.emit(log.report(error))


class _BugReports(QObject):
    """Shows reports of exceptions that nobody expected; they may come from any thread."""

    reported = Signal(str)

    def __init__(self, window: MainWindow, log_folder: Path) -> None:
        super().__init__(window)
        self._window = window
        self._log_folder = log_folder
        self.reported.connect(self._show)

    @Slot(str)
    def _show(self, report: str) -> None:
        BugReportDialog.show_for(self._window, report, self._log_folder)


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


def _log_qt_message(kind: QtMsgType, _context: object, message: str) -> None:
    log.qt_message(kind.name, message)
