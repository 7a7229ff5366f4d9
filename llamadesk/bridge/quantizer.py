"""The process that makes a model's file smaller, as the window sees it."""

from __future__ import annotations

import logging
from typing import Final

import msgspec
from PySide6.QtCore import QObject, QProcess, Signal, Slot

from llamadesk.bridge.child import end_child, exit_of, make_child, not_started
from llamadesk.bridge.command import EngineCommand
from llamadesk.bridge.endings import Cause, Ending
from llamadesk.bridge.engine_log import EngineLog
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.quantize import (
    QUANTIZE_FLAG,
    QuantizeAnswer,
    QuantizeCancelled,
    Quantized,
    QuantizeFailed,
    QuantizeProgress,
    QuantizeRequest,
    answer_decoder,
)

_log = logging.getLogger(__name__)

_GOODBYE_MS: Final = 2000
"""How long the process may clear away after itself when the app ends."""
_LONGEST_LINE_BYTES: Final = 64 * 1024


class Quantizer(QObject):
    """One file that is being made. Lives on the window's thread: it says little, and nothing of it is waited for.

    After `start` it ends in exactly one of `finished`, `failed` and `cancelled`, unless it is closed.

    Signals:
        progressed: the fraction that is done.
        finished: Quantized; the file is there.
        failed: Problem; it is not. Where the process was killed, what is at `core.quantize.part_path` may be left.
        cancelled: it was, and nothing was made.
    """

    progressed = Signal(float)
    finished = Signal(object)
    failed = Signal(object)
    cancelled = Signal()

    def __init__(self, command: EngineCommand, request: QuantizeRequest, parent: QObject | None = None) -> None:
        """Do nothing yet. `command` starts the engine's program."""
        super().__init__(parent)
        self._request = request
        self._decoder = answer_decoder()
        self._log = EngineLog()
        self._answer: QuantizeAnswer | None = None
        self._was_cancelled = False
        self._garbled = ""
        self._process = make_child(command, self, QUANTIZE_FLAG)
        self._process.started.connect(self._ask)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.readyReadStandardError.connect(self._read_log)
        self._process.errorOccurred.connect(self._on_error)
        self._process.finished.connect(self._on_finished)

    def start(self) -> None:
        """Start the process. Call once."""
        self._process.start()

    def cancel(self) -> None:
        """Give it up; `cancelled` follows, unless the file was made already."""
        self._was_cancelled = True
        self._process.closeWriteChannel()

    def close(self) -> None:
        """End it, in order if it likes, and wait for that. No signal comes any more."""
        self.blockSignals(True)
        if self._process.state() is not QProcess.ProcessState.NotRunning:
            end_child(self._process, _GOODBYE_MS)

    @Slot()
    def _ask(self) -> None:
        if not self._was_cancelled:  # else it ends by itself, for its input has ended
            self._process.write(msgspec.json.encode(self._request) + b"\n")

    @Slot()
    def _read(self) -> None:
        progress: QuantizeProgress | None = None
        while self._process.canReadLine() and not self._garbled:
            line = bytes(self._process.readLine().data())
            try:
                answer = self._decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                self._break_off(type(error).__name__)
                return
            if isinstance(answer, QuantizeProgress):
                progress = answer
            else:
                self._answer = answer
        if self._process.bytesAvailable() > _LONGEST_LINE_BYTES:
            self._break_off("too long a line")
        if progress is not None and not self._garbled:
            self.progressed.emit(progress.fraction)

    def _break_off(self, why: str) -> None:
        self._garbled = why
        self._process.kill()

    @Slot()
    def _read_log(self) -> None:
        self._log.feed(bytes(self._process.readAllStandardError().data()))

    @Slot(QProcess.ProcessError)
    def _on_error(self, error: QProcess.ProcessError) -> None:
        ending = not_started(self._process, error)
        if ending is not None:
            self._end(ending)

    @Slot(int, QProcess.ExitStatus)
    def _on_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        self._read_log()
        self._log.close()
        exit_code, signal = exit_of(code, status)
        self._end(
            Ending(
                Cause.GARBLED if self._garbled else Cause.ITSELF,
                code=exit_code,
                signal=signal,
                note=self._garbled,
                last_lines=self._log.tail,
            )
        )

    def _end(self, ending: Ending) -> None:
        answer = self._answer
        match answer:
            case Quantized():
                self.finished.emit(answer)
            case QuantizeFailed():
                self.failed.emit(answer.problem)
            case QuantizeCancelled():
                self.cancelled.emit()
            case _ if self._was_cancelled:
                _log.info("Cancelled, but: %s", ending.words)
                self.cancelled.emit()
            case _:
                self.failed.emit(_lost_problem(ending))


def _lost_problem(ending: Ending) -> Problem:
    """What is said where the process ended without an answer."""
    if ending.cause is Cause.NOT_FOUND:
        title = "The part of LlamaDesk that makes models cannot be started."
        advice = "Install LlamaDesk again. The details are in the log."
    elif ending.killed_by_system:
        title = "Making the model was ended by the system, most likely because the memory ran out."
        advice = "Close other programs, then try again."
    else:
        title = "Making the model stopped unexpectedly."
        advice = "Try again. If it happens again, try another quantization."
    return Problem(ProblemCode.QUANTIZE_FAILED, title, advice, ending.detail)
