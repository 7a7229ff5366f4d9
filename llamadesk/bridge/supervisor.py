"""Keeps an engine process alive and at work, on a thread that may wait so that the window's never does."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, Qt, QThread, QTimer, Signal, Slot

from llamadesk.bridge.command import EngineCommand, Patience
from llamadesk.bridge.endings import Cause, DeathCount, Ending, Work, gave_up_problem, lost_problem
from llamadesk.bridge.pacing import Coalescer, Paced, Receipts
from llamadesk.core.chat import ReplyStats
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.protocol import (
    Cancel,
    Delta,
    Event,
    Failed,
    Finished,
    FinishReason,
    Generate,
    Hello,
    Load,
    Loaded,
    ProtocolError,
    RequestId,
    TokenCount,
    Unload,
    Unloaded,
)

if TYPE_CHECKING:
    from llamadesk.bridge.process import EngineProcess

_log = logging.getLogger(__name__)

_LOOK_AGAIN_MS = 10
"""How soon a window that was busy is offered again what waits for it."""
_BACKLOG_CHARACTERS = 1_000_000
_BACKLOG_PAUSE_MS = 50
"""A window that takes nothing while so much waits for it slows the reading down, and so, in the end, the engine."""


class EngineLost(msgspec.Struct, frozen=True):
    """The process died and is being started again; `reloads` where a model is loaded then without being asked for."""

    problem: Problem
    reloads: bool


class EngineGaveUp(msgspec.Struct, frozen=True):
    """The process died and is not started again before the next Load."""

    problem: Problem


Told = Event | EngineLost | EngineGaveUp


class Supervisor(QObject):
    """Owns the child; sends it one request at a time, and answers for it where it cannot.

    Each request is answered exactly once (Loaded, Unloaded, Finished, TokenCount or Failed), whatever becomes of the
    child; the repeated Load after a death is answered again, with its old id. Lives on a thread with an event loop; all
    slots are called there. `told` is emitted with a list of `Told`; who receives it adds to `receipts` for each.
    """

    told = Signal(object)

    def __init__(self, command: EngineCommand, patience: Patience, receipts: Receipts) -> None:
        super().__init__()
        self._command = command
        self._patience = patience
        self._process: EngineProcess | None = None
        self._ready = False
        self._waiting: deque[Work] = deque()
        self._active: Work | None = None
        self._good_load: Load | None = None
        self._loaded_at = 0.0
        self._given_up: Problem | None = None
        self._deaths = DeathCount(patience.deaths_within)
        # Of the reply under way, for the answer in the engine's place:
        self._n_ctx = 0
        self._n_past = 0
        self._n_generated = 0

        self._coalescer = Coalescer()
        self._receipts = receipts
        self._n_told = 0
        self._quiet_until = 0.0  # by time.monotonic
        self._frame_timer = QTimer(self, singleShot=True)
        self._frame_timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._frame_timer.timeout.connect(self._pace)
        self._stop_timer = QTimer(self, singleShot=True)
        self._stop_timer.timeout.connect(self._kill_deaf)

    # --- What the window asks ---

    @Slot()
    def start(self) -> None:
        """Start the engine."""
        from llamadesk.bridge.process import EngineProcess  # noqa: PLC0415 - `EngineClient.start` has imported it

        self._process = EngineProcess(self._command, self._patience, self)
        self._process.spoke.connect(self._hear)
        self._process.ended.connect(self._bury)
        self._process.start()

    @Slot(object)
    def submit(self, request: Work) -> None:
        """Answer `request` when its turn comes. A Load takes the place of every earlier one that is not done."""
        if isinstance(request, Load):
            self._supersede_loads()
            self._deaths.use(request.settings)
            if self._given_up is not None:
                self._given_up = None
                self._deaths.clear()
                self.start()
        if self._given_up is not None:
            nothing_loaded = isinstance(request, Unload)
            self._tell(Unloaded(request.id) if nothing_loaded else Failed(request.id, self._given_up))
            return
        self._waiting.append(request)
        self._send_next()

    @Slot(int)
    def cancel(self, request_id: RequestId) -> None:
        """Stop a load or a reply. Where the engine does not hear it in time, it is killed and started again."""
        for request in self._waiting:
            if request.id == request_id and isinstance(request, Load | Generate):
                self._waiting.remove(request)
                self._answer_stopped(request)
                return
        active = self._active
        if active is None or active.id != request_id or not isinstance(active, Load | Generate):
            return
        if self._process is not None and not self._stop_timer.isActive():
            patience = self._patience.stop_load if isinstance(active, Load) else self._patience.stop_reply
            self._stop_timer.start(round(patience * 1000))
            self._process.send(Cancel(request_id))

    @Slot()
    def shut_down(self) -> None:
        """End the engine and then this thread's event loop. Nothing is told any more."""
        self.blockSignals(True)
        self._frame_timer.stop()
        self._stop_timer.stop()
        if self._process is not None:
            self._process.close()
            self._process.deleteLater()
            self._process = None
        self.thread().quit()

    # --- What the engine says ---

    @Slot(object)
    def _hear(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Hello):
                self._ready = True
                self._tell(event)
                self._send_next()
            elif self._active is None or event.id != self._active.id:
                continue  # of a request that was answered in the engine's place, or never made
            elif isinstance(event, Paced):
                if isinstance(event, Delta):
                    if not self._n_generated:
                        self._quiet_until = 0.0  # the first word does not wait
                    self._n_generated += event.n_tokens
                    self._n_past = event.n_past
                self._coalescer.add(event)
            else:
                self._finish_active(event)
        self._pace()
        if self._is_ahead and self._coalescer.n_characters > _BACKLOG_CHARACTERS:
            QThread.msleep(_BACKLOG_PAUSE_MS)

    def _finish_active(self, event: Loaded | Unloaded | Finished | TokenCount | Failed) -> None:
        active, self._active = self._active, None
        self._stop_timer.stop()
        if isinstance(event, Loaded) and isinstance(active, Load):
            self._good_load = active
            self._loaded_at = time.monotonic()
            self._n_ctx = event.model.n_ctx
        elif isinstance(event, Unloaded) or (isinstance(event, Failed) and isinstance(active, Load)):
            self._good_load = None
        elif isinstance(event, Finished) and event.reason is not FinishReason.CANCELLED:
            self._deaths.clear()  # these settings do work
        self._tell(event)
        self._send_next()

    def _send_next(self) -> None:
        while self._ready and self._process is not None and self._active is None and self._waiting:
            request = self._waiting.popleft()
            try:
                self._process.send(request)
            except ProtocolError:
                self._tell(Failed(request.id, _too_long()))
                continue
            self._active = request
            self._n_generated = self._n_past = 0

    # --- Death ---

    @Slot()
    def _kill_deaf(self) -> None:
        if self._process is not None:
            self._process.kill(Cause.DEAF)

    @Slot(object)
    def _bury(self, ending: Ending) -> None:
        if self._process is not None:
            self._process.deleteLater()
        self._process, self._ready = None, False
        self._stop_timer.stop()
        active, self._active = self._active, None
        if ending.cause is Cause.DEAF and active is not None:
            if active is self._good_load:
                self._good_load = None  # it was this load that the person stopped
            self._answer_stopped(active, self._n_generated, self._n_past)
            self._restart()
            return
        loading = active if isinstance(active, Load) else None
        load = loading or self._good_load
        settings = load.settings if load else None
        starved = ending.killed_by_system and (
            loading is not None or time.monotonic() - self._loaded_at < self._patience.memory_suspicion
        )
        if active is not None:
            self._tell(Failed(active.id, lost_problem(ending, active, starved)))
        n_deaths = self._deaths.add(settings, time.monotonic())
        if n_deaths >= self._patience.deaths or ending.cause is Cause.NOT_FOUND:
            self._give_up(gave_up_problem(ending, settings, starved))
        else:
            reloads = self._good_load is not None or any(isinstance(request, Load) for request in self._waiting)
            self._tell(EngineLost(lost_problem(ending, active, starved), reloads))
            self._restart()

    def _restart(self) -> None:
        """Start the engine again, with the last model that it had loaded unless another is to be loaded anyway."""
        if self._good_load is not None and not (self._waiting and isinstance(self._waiting[0], Load)):
            self._waiting.appendleft(self._good_load)
        self.start()

    def _give_up(self, problem: Problem) -> None:
        self._given_up = problem
        self._good_load = None
        while self._waiting:
            self._tell(Failed(self._waiting.popleft().id, problem))
        self._tell(EngineGaveUp(problem))

    def _supersede_loads(self) -> None:
        for request in [request for request in self._waiting if isinstance(request, Load)]:
            self._waiting.remove(request)
            self._answer_stopped(request)
        if isinstance(self._active, Load):
            self.cancel(self._active.id)

    def _answer_stopped(self, request: Work, n_generated: int = 0, n_past: int = 0) -> None:
        """End `request` in the engine's place, as if it had heard Cancel after so many tokens."""
        if isinstance(request, Generate):
            stats = ReplyStats(n_generated=n_generated)
            self._tell(Finished(request.id, FinishReason.CANCELLED, stats, n_past, self._n_ctx))
        else:
            self._tell(Failed(request.id, Problem(ProblemCode.LOAD_CANCELLED, "Loading the model was stopped.")))

    # --- What the window is told ---

    @property
    def _is_ahead(self) -> bool:
        """Whether the window is still busy with what it was told before."""
        return self._n_told > self._receipts.n_taken

    @Slot()
    def _pace(self) -> None:
        """Show what came; later if that is too soon or the window is busy."""
        if not self._coalescer:
            return
        early = math.ceil((self._quiet_until - time.monotonic()) * 1000)
        if early > 0:
            self._frame_timer.start(early)
        elif self._is_ahead:
            self._frame_timer.start(_LOOK_AGAIN_MS)
        else:
            self._emit(list(self._coalescer.take()))

    def _tell(self, event: Told) -> None:
        """Tell one thing at once, after everything that came before it."""
        self._emit([*self._coalescer.take(), event])

    def _emit(self, told: list[Told]) -> None:
        if told:
            self._n_told += 1
            self._frame_timer.stop()
            self._quiet_until = time.monotonic() + self._patience.frame
            self.told.emit(told)


def _too_long() -> Problem:
    return Problem(
        ProblemCode.PROMPT_TOO_LONG,
        "This chat is too long to be sent to the model.",
        "Shorten the message or begin a new chat.",
    )
