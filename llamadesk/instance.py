"""One running app for one folder of data; a second start hands its file to the first and ends."""

from __future__ import annotations

import logging
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QLockFile, QObject, QThread, Signal, Slot

from llamadesk.core.paths import DataFolders

if TYPE_CHECKING:
    from PySide6.QtNetwork import QLocalServer, QLocalSocket

_log = logging.getLogger(__name__)
_ANSWER_WITHIN_MS = 2000
_TRY_AGAIN_AFTER_MS = 50
_MAX_PATH_BYTES = 64 * 1024


class SingleInstance(QObject):
    """Holds the lock of a data folder, and hears from later starts.

    The lock is the operating system's word on a process that lives, so one left behind by a crash is taken over. The
    socket is a private one of this user on this machine (a named pipe on Windows); it is no network port.
    """

    file_received = Signal(object)
    """A later start was given this Path, or None if it was given no file; the window should come to the front."""

    def __init__(self, folders: DataFolders, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._root = folders.root
        self._lock = QLockFile(str(folders.lock))
        self._lock.setStaleLockTime(0)
        self._server: QLocalServer | None = None
        self._received: dict[QLocalSocket, bytearray] = {}

    @cached_property
    def _name(self) -> str:
        """Of the socket: another for each folder of data."""
        import hashlib  # noqa: PLC0415 - the first frame does not wait for it

        digest = hashlib.sha256(str(self._root.resolve()).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return f"llamadesk-{digest}"

    def acquire(self) -> bool:
        """Whether this is the first. A folder that cannot be locked at all counts as ours: the store will say why."""
        return self._lock.tryLock(0) or self._lock.error() is not QLockFile.LockError.LockFailedError

    def listen(self) -> None:
        """Hear from later starts from now on; for the first."""
        from PySide6.QtNetwork import QLocalServer  # noqa: PLC0415 - the first frame does not wait for it

        QLocalServer.removeServer(self._name)  # left behind by a crash: the lock is ours, so nobody listens there
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connection)
        if not self._server.listen(self._name):
            _log.warning("later starts cannot reach this one: %s", self._server.errorString())

    def pass_on(self, file: Path | None) -> bool:
        """Ask the first to come to the front, with `file` if there is one; whether it heard.

        Blocks for a few seconds at most: the first may be starting, and not listen yet.
        """
        from PySide6.QtNetwork import QLocalSocket  # noqa: PLC0415 - only a later start comes here

        socket = QLocalSocket()
        give_up_at = time.monotonic() + _ANSWER_WITHIN_MS / 1000
        socket.connectToServer(self._name)
        while not socket.waitForConnected(_ANSWER_WITHIN_MS):
            if time.monotonic() > give_up_at:
                return False
            QThread.msleep(_TRY_AGAIN_AFTER_MS)
            socket.connectToServer(self._name)
        _let_the_first_come_to_the_front()
        socket.write((str(file) if file else "").encode("utf-8", "surrogateescape") + b"\n")
        heard = socket.waitForBytesWritten(_ANSWER_WITHIN_MS) and socket.waitForReadyRead(_ANSWER_WITHIN_MS)
        socket.disconnectFromServer()
        return heard

    def release(self) -> None:
        """Let another start be the first."""
        if self._server is not None:
            self._server.close()
        self._lock.unlock()

    @Slot()
    def _on_connection(self) -> None:
        assert self._server is not None
        while (socket := self._server.nextPendingConnection()) is not None:
            self._received[socket] = bytearray()
            socket.readyRead.connect(self._on_ready_read)
            socket.disconnected.connect(self._on_disconnected)

    @Slot()
    def _on_ready_read(self) -> None:
        socket = cast("QLocalSocket", self.sender())
        if socket not in self._received:
            return
        received = self._received[socket]
        received += socket.readAll().data()
        if len(received) > _MAX_PATH_BYTES:
            socket.abort()
            return
        line, newline, _ = bytes(received).partition(b"\n")
        if newline:
            received.clear()
            socket.write(b"ok\n")
            text = line.decode("utf-8", "surrogateescape")
            self.file_received.emit(Path(text) if text else None)

    @Slot()
    def _on_disconnected(self) -> None:
        socket = cast("QLocalSocket", self.sender())
        self._received.pop(socket, None)
        socket.deleteLater()


def _let_the_first_come_to_the_front() -> None:
    """On Windows only the process that the person has just started may say whose window comes to the front. Not
    verified: never run there."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - only a later start comes here

        any_process = -1
        ctypes.windll.user32.AllowSetForegroundWindow(any_process)
