"""Logs: a rotating file of what happened, another for crashes, and the report that a person can copy.

No code of LlamaDesk logs the text of a chat. Nothing here needs Qt, and nothing here may fail: where the folder cannot
be written, standard error has to do.
"""

from __future__ import annotations

import faulthandler
import logging
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final

from llamadesk.core.paths import DataFolders
from llamadesk.versions import versions

LOG_FILE: Final = "llamadesk.log"
CRASH_FILE: Final = "crash.log"
_MAX_BYTES: Final = 2_000_000
_KEPT_FILES: Final = 3
_MAX_CRASH_BYTES: Final = 1_000_000
_REPORTED_LINES: Final = 200
_FORMAT: Final = "%(asctime)s.%(msecs)03d %(levelname)-7s %(threadName)s %(name)s: %(message)s"
_TIME_FORMAT: Final = "%Y-%m-%d %H:%M:%S"
_QT_LEVELS: Final = {
    "QtDebugMsg": logging.DEBUG,
    "QtInfoMsg": logging.INFO,
    "QtWarningMsg": logging.WARNING,
    "QtCriticalMsg": logging.ERROR,
    "QtFatalMsg": logging.CRITICAL,
}

_log = logging.getLogger(__name__)


def setup_logging(folders: DataFolders, verbose: bool = False) -> None:
    """Log to `folders.logs` from now on: `llamadesk.log` (2 MB and 3 older ones), and crashes to `crash.log`.

    Args:
        folders: the folder of logs is made where it is missing.
        verbose: log what LlamaDesk does in detail.
    """
    formatter = logging.Formatter(_FORMAT, _TIME_FORMAT)
    for handler in (_LogFile(folders.logs / LOG_FILE), _RecentLines()):
        handler.setFormatter(formatter)
        logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    logging.getLogger("llamadesk").setLevel(logging.DEBUG if verbose else logging.INFO)
    logging.captureWarnings(True)
    _write_crashes_to(folders.logs / CRASH_FILE)


def install_exception_hooks(callback: Callable[[str], None] | None = None) -> None:
    """Log every exception that nobody caught, and hand `callback` a report of it.

    `callback` is called on the thread where it happened, which need not be the window's; of exceptions in destructors
    and the like, which Python ignores, it hears nothing.
    """

    def handle(error: BaseException, where: str) -> None:
        _log.critical("uncaught in %s", where, exc_info=error)
        if callback is None:
            return
        try:
            callback(report(error))
        except Exception:
            _log.exception("the report could not be shown")

    def on_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            handle(error.with_traceback(trace), threading.current_thread().name)

    def on_thread_exception(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            handle(args.exc_value, args.thread.name if args.thread else "a thread")

    def on_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
        _log.error("ignored in %r", unraisable.object, exc_info=unraisable.exc_value)

    sys.excepthook = on_exception
    threading.excepthook = on_thread_exception
    sys.unraisablehook = on_unraisable


def qt_message(severity: str, text: str) -> None:
    """Log a message of Qt; `severity` is the name of its QtMsgType. For Qt's message handler."""
    logging.getLogger("qt").log(_QT_LEVELS.get(severity, logging.WARNING), "%s", text)


def report(error: BaseException | None = None) -> str:
    """What a bug report needs: versions, system, the error, and the last lines of the log; no text of any chat."""
    from llamadesk.core.privacy import without_person  # noqa: PLC0415 - a start that goes well needs none

    parts = ["\n".join(f"{name}: {version}" for name, version in versions().items())]
    if error is not None:
        parts.append("".join(traceback.format_exception(error)).rstrip())
    parts.append("Last lines of the log:\n" + "\n".join(_recent_lines()))
    return without_person("\n\n".join(parts)) + "\n"


class _LogFile(logging.Handler):
    """Opens the rotating file at the first line: its module is slow to import, and most starts log nothing."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file: logging.Handler | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self._file is None:
            self._file = self._opened()
            self._file.setFormatter(self.formatter)
        self._file.emit(record)

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()

    def _opened(self) -> logging.Handler:
        from logging.handlers import RotatingFileHandler  # noqa: PLC0415 - see the class

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return RotatingFileHandler(
                self._path, maxBytes=_MAX_BYTES, backupCount=_KEPT_FILES, encoding="utf-8", errors="backslashreplace"
            )
        except OSError as error:
            if sys.stderr is None:  # a program without a console
                return logging.NullHandler()
            sys.stderr.write(f"LlamaDesk cannot write its log to {self._path.parent}: {error}\n")
            return logging.StreamHandler()


class _RecentLines(logging.Handler):
    """Keeps the last lines in memory, for the report."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[str] = deque(maxlen=_REPORTED_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.lines.extend(self.format(record).splitlines())
        except Exception:
            self.handleError(record)


def _recent_lines() -> list[str]:
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _RecentLines):
            return list(handler.lines)
    return []


def _write_crashes_to(path: Path) -> None:
    """Tell faulthandler where a crash in native code is to be written; it keeps the file open."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        too_long = path.exists() and path.stat().st_size > _MAX_CRASH_BYTES
        file = path.open("w" if too_long else "a", encoding="utf-8")
    except OSError:
        if sys.stderr is not None:
            faulthandler.enable()
        return
    faulthandler.enable(file)
