"""What every child process of ours has in common: how it is set up, how it is ended, and what Qt says of its end."""

from __future__ import annotations

import sys
from typing import Final

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment

from llamadesk.bridge.command import EngineCommand
from llamadesk.bridge.endings import Cause, Ending

_KILLED_WITHIN_MS: Final = 1000


def make_child(command: EngineCommand, parent: QObject, *arguments: str) -> QProcess:
    """A process that was not started yet.

    Args:
        command: its program, and what is added to our environment for it.
        parent: what owns it.
        arguments: more of them than the command has.
    """
    child = QProcess(parent)
    environment = QProcessEnvironment.systemEnvironment()
    for name, value in command.env.items():
        environment.insert(name, value)
    child.setProcessEnvironment(environment)
    child.setProgram(command.argv[0])
    child.setArguments([*command.argv[1:], *arguments])
    return child


def end_child(child: QProcess, patience_ms: int) -> None:
    """End its input and wait until it ends by itself; once the patience is over, kill it."""
    child.closeWriteChannel()
    if not child.waitForFinished(patience_ms):
        child.kill()
        child.waitForFinished(_KILLED_WITHIN_MS)


def not_started(child: QProcess, error: QProcess.ProcessError) -> Ending | None:
    """The ending of a child that could not be started. None for any other error: it is followed by the signal
    `finished`, or ends in one that is."""
    if error is not QProcess.ProcessError.FailedToStart:
        return None
    return Ending(Cause.NOT_FOUND, said_hello=False, note=child.errorString())


def exit_of(code: int, status: QProcess.ExitStatus) -> tuple[int, int]:
    """The exit code and the number of the signal that ended it, as `QProcess.finished` says; one is 0."""
    by_signal = status is QProcess.ExitStatus.CrashExit and sys.platform != "win32"
    return (0, code) if by_signal else (code, 0)
