"""How an engine process ended, as plain data, and what is said about it to a person."""

from __future__ import annotations

import signal
import sys
from enum import StrEnum
from typing import Final

import msgspec

from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.protocol import Background, Foreground, Generate, Load, LoadSettings

Work = Foreground | Background
"""The requests that take time: one is under way at a time."""


class Cause(StrEnum):
    """Who ended it, and why."""

    ITSELF = "itself"  # a crash, an exit, the system
    NOT_FOUND = "not_found"  # the program could not even be started
    SILENT = "silent"  # we: it said nothing for too long after its start
    GARBLED = "garbled"  # we: what it said was no protocol of ours
    DEAF = "deaf"  # we: it did not hear Stop


class Ending(msgspec.Struct, frozen=True):
    """How a process ended.

    Attributes:
        cause: who ended it.
        code: its exit code, where it ended by itself and in order; `signal` is 0 then.
        signal: the number of the signal that ended it, 0 where none did.
        said_hello: whether it had got as far as its first word.
        note: what was wrong, where the cause alone does not say it.
        last_lines: the last lines of its standard error.
    """

    cause: Cause
    code: int = 0
    signal: int = 0
    said_hello: bool = True
    note: str = ""
    last_lines: tuple[str, ...] = ()

    @property
    def killed_by_system(self) -> bool:
        """Whether somebody else killed it outright, as systems do that run out of memory."""
        return self.cause is Cause.ITSELF and sys.platform != "win32" and self.signal == signal.SIGKILL

    @property
    def words(self) -> str:
        """The ending in one line for the log, without its last lines."""
        match self.cause:
            case Cause.NOT_FOUND:
                words = "could not be started"
            case Cause.SILENT:
                words = "said nothing after its start and was killed"
            case Cause.GARBLED:
                words = "broke the protocol and was killed"
            case Cause.DEAF:
                words = "did not hear Stop and was killed"
            case Cause.ITSELF if self.signal:
                words = f"ended by signal {self.signal} ({_signal_name(self.signal)})"
            case Cause.ITSELF:
                words = f"ended with exit code {self.code} (0x{self.code & 0xFFFFFFFF:X})"
        return f"The engine {words}{': ' if self.note else ''}{self.note}"

    @property
    def detail(self) -> str:
        """Everything that is known, for a problem's details."""
        return "\n".join((self.words, *self.last_lines))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


_WITHOUT_GPU: Final = "set GPU layers to 0, or hold Shift while LlamaDesk starts (safe mode)"


def lost_problem(ending: Ending, work: Work | None, memory_suspected: bool) -> Problem:
    """What is said when the process ended during `work` and is started again."""
    if not ending.said_hello:
        return Problem(
            ProblemCode.ENGINE_NOT_STARTED,
            "The part of LlamaDesk that runs the model did not start.",
            "It is being started again.",
            ending.detail,
        )
    match work:
        case Load():
            title = "The model could not be loaded: its process stopped unexpectedly."
            advice = "Try again; if it happens again, the file may be damaged or need more memory than there is."
            if work.settings.n_gpu_layers:
                advice = f"Try again. If it happens again, the graphics driver may be to blame: {_WITHOUT_GPU}."
        case Generate():
            title = "The model stopped unexpectedly while it was writing."
            advice = "What was written is kept. The model is being started again; then you can ask again."
        case _:
            title = "The model stopped unexpectedly."
            advice = "It is being started again."
    if memory_suspected:
        title = "The model's process was ended by the system, most likely because the memory ran out."
        advice = "Close other programs, or choose a shorter context length or a smaller model."
    return Problem(ProblemCode.ENGINE_LOST, title, advice, ending.detail)


def gave_up_problem(ending: Ending, settings: LoadSettings | None, memory_suspected: bool) -> Problem:
    """What is said when the process is not started again: with `settings`, or without any model, it ends each time."""
    if settings is None or not ending.said_hello:
        return Problem(
            ProblemCode.ENGINE_NOT_STARTED,
            "The part of LlamaDesk that runs the model cannot be started.",
            "Hold Shift while LlamaDesk starts (safe mode), or install it again. The details are in the log.",
            ending.detail,
        )
    cause = " Its memory most likely ran out." if memory_suspected else ""
    gpu = f" If the graphics driver is to blame, {_WITHOUT_GPU}." if settings.n_gpu_layers else ""
    return Problem(
        ProblemCode.ENGINE_GAVE_UP,
        f"The model stopped again and again with these settings.{cause}",
        f"Choose a shorter context length or another model; it is loaded again when you do.{gpu}",
        ending.detail,
    )


class DeathCount:
    """Counts the deaths on one model and its settings, and forgets them when they change."""

    def __init__(self, within: float) -> None:
        """Count those within the last `within` seconds."""
        self._within = within
        self._settings: LoadSettings | None = None
        self._moments: list[float] = []

    def add(self, settings: LoadSettings | None, now: float) -> int:
        """A death at `now`, in seconds of a monotonic clock; returns how many there were of late on these settings."""
        self.use(settings)
        self._moments = [moment for moment in self._moments if now - moment <= self._within] + [now]
        return len(self._moments)

    def use(self, settings: LoadSettings | None) -> None:
        """These settings are in use now; other ones than before start a new count."""
        if settings != self._settings:
            self.clear()
            self._settings = settings

    def clear(self) -> None:
        """Forget every death."""
        self._moments.clear()
