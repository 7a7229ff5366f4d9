"""The window's process: from the first step to the first frame, and on to the session behind it.

A start is short because little is done before the first frame: what it does not show is imported and made afterwards.
"""

from __future__ import annotations

import importlib
import logging
import sys
import time
from pathlib import Path

from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer, QtMsgType, Signal, Slot, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from llamadesk import __version__, log
from llamadesk.application import Application
from llamadesk.arguments import Options
from llamadesk.bridge.client import engine_command
from llamadesk.control.desk import Desk
from llamadesk.core.errors import ProblemError
from llamadesk.core.paths import APP_NAME
from llamadesk.core.project import APP_ID
from llamadesk.core.start import StartMode
from llamadesk.instance import SingleInstance
from llamadesk.store.front import Store
from llamadesk.ui.main_window import MainWindow

_AFTER_THE_FIRST_FRAME = ("socket", "ssl", "asyncio", "qasync", "llamadesk.session")
"""What the session needs, in pieces so short that keys typed meanwhile are shown at once."""
_QT_MODULES = ("QtCore", "QtGui", "QtWidgets", "QtSvg", "QtNetwork")
_PIECE_SECONDS = 0.005
"""So long at a time the window may be kept from what is typed into it."""
_SWITCH_SECONDS = 0.001
"""How long another thread's Python may keep the window waiting each time that Qt calls into ours. With Python's own
5 ms the window stutters while anything is imported or read on a thread."""
_UNSEEN_MS = 1000
"""After so long a window that the desktop does not show (it starts minimised, on another workspace) goes on too."""

_log = logging.getLogger(__name__)


def run(options: Options) -> int:
    """Open the window on the person's data and stay until it is closed; returns the exit code."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    log.setup_logging(options.folders, verbose=False)
    qInstallMessageHandler(_log_qt_message)
    application = _application()
    mode = _mode(options)
    instance = SingleInstance(options.folders)
    if not instance.acquire():
        return _hand_over(instance, options.model, mode)
    try:
        store = Store.open(options.folders)
    except ProblemError as error:
        _log.error("%s", error)
        _tell(error.problem.title, error.problem.advice)
        instance.release()
        return 1
    try:
        _stay(application, options, mode, store, instance)
    finally:
        instance.release()
    return 0


def _mode(options: Options) -> StartMode:
    """What was asked for, by the command line or by the Shift key, held while the app starts."""
    if not QApplication.queryKeyboardModifiers() & Qt.KeyboardModifier.ShiftModifier:
        return options.mode
    return StartMode(safe=True, offline=options.mode.offline)


def _stay(application: Application, options: Options, mode: StartMode, store: Store, instance: SingleInstance) -> None:
    bugs = _BugReports(options.folders.logs)
    log.install_exception_hooks(bugs.reported.emit)
    desk = Desk(options.folders, store, engine_command(options.folders, safe_mode=mode.safe), bugs.tell, mode=mode)
    window = MainWindow(desk)
    bugs.set_window(window)
    _show_first_frame(window)
    _guard_scroll_areas()
    make_qt_classes()
    for module in _AFTER_THE_FIRST_FRAME:
        importlib.import_module(module)
        application.processEvents()
    from llamadesk.session import Session  # noqa: PLC0415 - see _AFTER_THE_FIRST_FRAME

    Session(application, window, desk, instance, options.model, bugs.tell).stay()


def _show_first_frame(window: MainWindow) -> None:
    """Return when the window is on the screen."""
    waiting = QEventLoop()
    window.first_painted.connect(waiting.quit)
    unseen = QTimer(waiting)  # ends with it: no timer is left that would call a loop which has gone
    unseen.setSingleShot(True)
    unseen.timeout.connect(waiting.quit)
    unseen.start(_UNSEEN_MS)
    window.show()
    waiting.exec()
    window.first_painted.disconnect(waiting.quit)
    _log.info("the first frame is on the screen")  # by its time a start is measured that nothing can look into


def make_qt_classes() -> None:
    """Make every class of Qt on the window's thread, before another thread works with Qt.

    PySide makes a class when it is first named. Where a second thread works with Qt meanwhile, the process may crash:
    with 6.11.3 so did 5 of 100 that named them all while a reply streamed, and 0 of 150 that had named them before.
    Nobody can know when which view names a new one. All of them together take about 0.1 s.
    """
    paused = time.monotonic()
    for name in _QT_MODULES:
        module = importlib.import_module(f"PySide6.{name}")
        for each in dir(module):
            getattr(module, each)
            if time.monotonic() - paused > _PIECE_SECONDS:
                QApplication.processEvents()
                paused = time.monotonic()


def _guard_scroll_areas() -> None:
    # Screen readers are answered from the event loop: it has run for the first frame only, before any could ask.
    from llamadesk.ui.accessible import guard_scroll_areas  # noqa: PLC0415 - see _AFTER_THE_FIRST_FRAME

    guard_scroll_areas()


def _application() -> Application:
    # The style that follows a palette everywhere; QApplication.setStyle would load every class of QtWidgets.
    application = Application([*sys.argv[:1], "-style", "Fusion"])
    application.setApplicationName(APP_NAME)
    application.setApplicationVersion(__version__)
    application.setDesktopFileName(APP_ID)
    application.setQuitOnLastWindowClosed(False)  # closing takes a moment: what is being written is kept first
    return application


def _hand_over(instance: SingleInstance, model: Path | None, mode: StartMode) -> int:
    if instance.pass_on(model):
        sys.stdout.write(f"{APP_NAME} is already open: its window comes to the front.\n")
        if mode.safe:
            _tell(f"{APP_NAME} is already open.", "To start it in safe mode, close its window first.")
        return 0
    _tell(
        f"{APP_NAME} is already open with these chats.",
        "Use the window that is open. If you cannot see one, it may be closing: wait a moment and start again.",
    )
    return 1


def _tell(title: str, advice: str) -> None:
    """Say why there will be no window; on the console too, for whoever started it there."""
    from PySide6.QtWidgets import QMessageBox  # noqa: PLC0415 - a start that goes well needs none

    sys.stderr.write(f"{title} {advice}\n")
    box = QMessageBox(QMessageBox.Icon.Warning, APP_NAME, title)
    box.setInformativeText(advice)
    box.exec()


class _BugReports(QObject):
    """Shows reports of exceptions that nobody expected; they may come from any thread."""

    reported = Signal(str)

    def __init__(self, log_folder: Path) -> None:
        super().__init__()
        self._window: MainWindow | None = None
        self._log_folder = log_folder
        self.reported.connect(self._show)

    def set_window(self, window: MainWindow) -> None:
        """What they are shown over; before there is a window they are only logged."""
        self._window = window

    def tell(self, error: BaseException) -> None:
        """Log an exception and show a report of it."""
        _log.error("unexpected", exc_info=error)
        self.reported.emit(log.report(error))

    @Slot(str)
    def _show(self, report: str) -> None:
        from llamadesk.ui.bug_report import BugReportDialog  # noqa: PLC0415 - hardly ever needed

        if self._window is not None:
            BugReportDialog.show_for(self._window, report, self._log_folder)


def _log_qt_message(kind: QtMsgType, _context: object, message: str) -> None:
    log.qt_message(kind.name, message)
