"""One engine process, from its start to its end."""

from __future__ import annotations

import logging
from typing import Final

from PySide6.QtCore import (
    QByteArray,
    QIODevice,
    QObject,
    QProcess,
    QProcessEnvironment,
    QThread,
    QTimer,
    Signal,
    Slot,
)

from llamadesk.bridge.child import end_child, exit_of, make_child, not_started
from llamadesk.bridge.command import EngineCommand, Patience
from llamadesk.bridge.endings import Cause, Ending
from llamadesk.bridge.engine_log import EngineLog
from llamadesk.core.protocol import (
    PROTOCOL_VERSION,
    Event,
    Hello,
    ProtocolError,
    Request,
    Shutdown,
    encode,
    event_decoder,
)

_log = logging.getLogger(__name__)

QT_CLASSES: Final = (QByteArray, QIODevice, QObject, QProcess, QProcessEnvironment, QThread, QTimer)
"""All of Qt that the supervisor's thread works with, made when this module is imported: on the window's thread.

PySide makes a class when it is first named. Where two threads do so at once the process crashes, or both wait for each
other for ever (seen with 6.11.3), so no class may be made on another thread.
"""

_FLOOD_BYTES = 32 * 1024
_FLOOD_PAUSE_MS = 4
"""A read this big only comes of a flood (a fast reply is 20 kB a second): the pause after it leaves the interpreter to
the window, and lets the pipe fill up, so that the flood waits there and not in our memory."""


class EngineProcess(QObject):
    """Starts the child, turns its bytes into events, and tells how it ended. Lives on one thread with an event loop.

    Signals:
        spoke: list[Event], in order; the very first event is Hello.
        ended: Ending; nothing follows.
    """

    spoke = Signal(object)
    ended = Signal(object)

    def __init__(self, command: EngineCommand, patience: Patience, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._patience = patience
        self._decoder = event_decoder()
        self._engine_log = EngineLog()
        self._said_hello = False
        self._killed: tuple[Cause, str] | None = None
        self._start_timer = QTimer(self, singleShot=True, interval=round(patience.start * 1000))
        self._start_timer.timeout.connect(self._say_silent)
        self._process = make_child(command, self)
        self._process.readyReadStandardOutput.connect(self._read_events)
        self._process.readyReadStandardError.connect(self._read_log)
        self._process.errorOccurred.connect(self._on_error)
        self._process.finished.connect(self._on_finished)

    def start(self) -> None:
        """Start it; `spoke` with Hello follows, or `ended`."""
        self._start_timer.start()
        self._process.start()

    def send(self, request: Request) -> None:
        """Send a request, without ever waiting for the child to read it.

        Raises:
            ProtocolError: the request is too long; nothing was sent.
        """
        self._process.write(encode(request))

    def kill(self, cause: Cause, note: str = "") -> None:
        """End it now, whatever it does. `ended` follows with that cause."""
        if self._killed is None:
            self._killed = (cause, note)
            self._process.kill()

    def close(self) -> None:
        """End it, in order if it likes, and wait for that: at most `patience.end` and then as long as a kill takes."""
        self.blockSignals(True)
        if self._process.state() is not QProcess.ProcessState.NotRunning:
            self.send(Shutdown())
            end_child(self._process, round(self._patience.end * 1000))
        self._start_timer.stop()

    @Slot()
    def _read_events(self) -> None:
        data = bytes(self._process.readAllStandardOutput().data())
        if self._killed is not None:
            return
        try:
            events = self._decoder.feed(data)
            if events and not self._said_hello:
                self._greet(events[0])
        except ProtocolError as error:
            # Its text may quote a reply, so only the kind of trouble is told.
            self.kill(Cause.GARBLED, type(error).__name__)
            return
        if events:
            self.spoke.emit(events)
        if len(data) >= _FLOOD_BYTES:
            QThread.msleep(_FLOOD_PAUSE_MS)

    def _greet(self, event: Event) -> None:
        if not isinstance(event, Hello) or event.protocol != PROTOCOL_VERSION:
            raise ProtocolError("no Hello of our version")
        self._said_hello = True
        self._start_timer.stop()

    @Slot()
    def _read_log(self) -> None:
        data = bytes(self._process.readAllStandardError().data())
        self._engine_log.feed(data)
        if len(data) >= _FLOOD_BYTES:
            QThread.msleep(_FLOOD_PAUSE_MS)

    @Slot()
    def _say_silent(self) -> None:
        self.kill(Cause.SILENT)

    @Slot(QProcess.ProcessError)
    def _on_error(self, error: QProcess.ProcessError) -> None:
        ending = not_started(self._process, error)
        if ending is not None:
            self._end(ending)

    @Slot(int, QProcess.ExitStatus)
    def _on_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read_events()
        self._read_log()
        exit_code, signal = exit_of(code, status)
        cause, note = self._killed or (Cause.ITSELF, "")
        self._end(
            Ending(
                cause,
                code=exit_code,
                signal=signal,
                said_hello=self._said_hello,
                note=note,
                last_lines=self._last_lines(),
            )
        )

    def _last_lines(self) -> tuple[str, ...]:
        self._engine_log.close()
        return self._engine_log.tail

    def _end(self, ending: Ending) -> None:
        self._start_timer.stop()
        _log.info("%s", ending.words)
        self.ended.emit(ending)
