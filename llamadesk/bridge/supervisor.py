"""Keeps an engine process alive and at work, on a thread that may wait so that the window's never does."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, Qt, QThread, QTimer, Signal, Slot

from llamadesk.bridge.command import EngineCommand, Patience
from llamadesk.bridge.endings import Cause, DeathCount, Ending, Work, gave_up_problem, lost_problem
from llamadesk.bridge.pacing import Coalescer, Paced, Receipts
from llamadesk.bridge.waiting import Waiting
from llamadesk.core.chat import ReplyStats
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.protocol import (
    Answer,
    Aside,
    Background,
    Cancel,
    Configure,
    Delta,
    Dropped,
    Event,
    Failed,
    Finished,
    FinishReason,
    Forget,
    Generate,
    Hello,
    Load,
    Loaded,
    Prepare,
    Prepared,
    ProtocolError,
    RequestId,
    Tuned,
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

    Each request is answered exactly once (an `Answer`), whatever becomes of the child; the repeated Load after a death
    is answered again, with its old id. Background work gives way to what the person waits for, and to newer work of its
    kind; asides are sent at once. Lives on a thread with an event loop; all
    slots are called there. `told` is emitted with a list of `Told`; who receives it adds to `receipts` for each.
    """

    told = Signal(object)

    def __init__(self, command: EngineCommand, patience: Patience, receipts: Receipts) -> None:
        super().__init__()
        self._command = command
        self._patience = patience
        self._process: EngineProcess | None = None
        self._ready = False
        self._waiting = Waiting()
        self._active: Work | None = None
        self._asides: dict[RequestId, Aside] = {}  # asked, or to be asked once the process is ready
        self._configuration: Configure | None = None
        self._orders: list[Forget] = []  # for a process that is not ready yet
        self._baseline = False
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

        command = self._command.for_baseline() if self._baseline else self._command
        self._process = EngineProcess(command, self._patience, self)
        self._process.spoke.connect(self._hear)
        self._process.ended.connect(self._bury)
        self._process.start()

    @Slot(object)
    def submit(self, request: Work) -> None:
        """Answer `request` when its turn comes. A Load takes the place of every earlier one that is not done."""
        if isinstance(request, Load):
            self._supersede(Load)
            self._deaths.use(request.settings)
            if self._given_up is not None:
                self._given_up = None
                self._deaths.clear()
                self.start()
        if self._given_up is not None:
            nothing_loaded = isinstance(request, Unload)
            self._tell(Unloaded(request.id) if nothing_loaded else Failed(request.id, self._given_up))
            return
        if isinstance(request, Background):
            self._supersede(type(request))
        self._waiting.add(request)
        if not isinstance(request, Background):
            self._cancel_background()
        self._send_next()

    @Slot(object)
    def ask(self, question: Aside) -> None:
        """Have a question answered while other work goes on."""
        if self._given_up is not None:
            self._tell(Failed(question.id, self._given_up))
            return
        self._asides[question.id] = question
        if self._ready:
            self._send_aside(question)

    @Slot(object)
    def pass_on(self, order: Forget | Configure) -> None:
        """Pass on what is not answered. What was configured holds for every process to come."""
        if isinstance(order, Configure):
            self._configuration = order
        if self._ready and self._process is not None:
            self._process.send(order)
        elif isinstance(order, Forget):
            self._orders.append(order)

    @Slot(int)
    def cancel(self, request_id: RequestId) -> None:
        """Stop a load, a reply or background work. Where the engine does not hear it in time, it is killed and started
        again."""
        waiting = self._waiting.take_back(request_id)
        if waiting is not None:
            self._answer_stopped(waiting)
            return
        active = self._active
        if active is None or active.id != request_id or isinstance(active, Unload):
            return
        if self._process is not None and not self._stop_timer.isActive():
            patience = self._patience.stop_load if isinstance(active, Load) else self._patience.stop_reply
            self._stop_timer.start(round(patience * 1000))
            self._process.send(Cancel(request_id))

    @Slot()
    def restart(self) -> None:
        """Have another process in place of one that does not answer, with the model that it had loaded."""
        if self._ready and not isinstance(self._active, Unload):
            self._kill_deaf()

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
                self._greet()
            elif event.id in self._asides and isinstance(event, Answer):
                del self._asides[event.id]
                self._tell(event)
            elif self._active is None or event.id != self._active.id:
                continue  # of a request that was answered in the engine's place, or never made
            elif isinstance(event, Paced):
                if isinstance(event, Delta):
                    if not self._n_generated:
                        self._quiet_until = 0.0  # the first word does not wait
                    self._n_generated += event.n_tokens
                    self._n_past = event.n_past
                self._coalescer.add(event)
            elif isinstance(event, Dropped):
                self._tell(event)
            else:
                self._finish_active(event)
        self._pace()
        if self._is_ahead and self._coalescer.n_characters > _BACKLOG_CHARACTERS:
            QThread.msleep(_BACKLOG_PAUSE_MS)

    def _greet(self) -> None:
        """A process is ready: it gets what waited for it."""
        orders, self._orders = self._orders, []
        if self._configuration is not None:
            self.pass_on(self._configuration)
        for order in orders:
            self.pass_on(order)
        for question in list(self._asides.values()):
            self._send_aside(question)
        self._send_next()

    def _finish_active(self, event: Answer) -> None:
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
            request = self._waiting.take()
            if isinstance(request, Load) and request.settings.baseline_cpu is not self._baseline:
                self._waiting.put_first(request)
                self._start_anew(baseline=request.settings.baseline_cpu)
                return
            try:
                self._process.send(request)
            except ProtocolError:
                self._tell(Failed(request.id, _too_long()))
                continue
            self._active = request
            self._n_generated = self._n_past = 0

    def _start_anew(self, *, baseline: bool) -> None:
        """Another process in place of this one, which has nothing to do: its CPU variant was chosen at its start."""
        self._baseline = baseline
        if self._process is not None:
            self._process.close()
            self._process.deleteLater()
        self._ready, self._good_load = False, None
        self.start()

    def _send_aside(self, question: Aside) -> None:
        try:
            if self._process is not None:
                self._process.send(question)
        except ProtocolError:
            del self._asides[question.id]
            self._tell(Failed(question.id, _too_long()))

    def _cancel_background(self) -> None:
        if isinstance(self._active, Background):
            self.cancel(self._active.id)

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
        asides, self._asides = self._asides, {}
        for question in asides.values():
            self._tell(Failed(question.id, lost_problem(ending, None, False)))
        if ending.cause is Cause.DEAF:
            if active is self._good_load:
                self._good_load = None  # it was this load that the person stopped
            if active is not None:
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
            reloads = self._good_load is not None or self._waiting.has_load
            self._tell(EngineLost(lost_problem(ending, active, starved), reloads))
            self._restart()

    def _restart(self) -> None:
        """Start the engine again, with the last model that it had loaded unless another is to be loaded anyway."""
        if self._good_load is not None and not self._waiting.begins_with_load:
            self._waiting.put_first(self._good_load)
        self.start()

    def _give_up(self, problem: Problem) -> None:
        self._given_up = problem
        self._good_load = None
        for request in self._waiting.take_all():
            self._tell(Failed(request.id, problem))
        self._tell(EngineGaveUp(problem))

    def _supersede(self, kind: type[Work]) -> None:
        for request in self._waiting.take_all(kind):
            self._answer_stopped(request)
        if isinstance(self._active, kind):
            self.cancel(self._active.id)

    def _answer_stopped(self, request: Work, n_generated: int = 0, n_past: int = 0) -> None:
        """End `request` in the engine's place, as if it had heard Cancel after so many tokens."""
        if isinstance(request, Generate):
            stats = ReplyStats(n_generated=n_generated)
            self._tell(Finished(request.id, FinishReason.CANCELLED, stats, n_past, self._n_ctx))
        elif isinstance(request, Prepare):
            self._tell(Prepared(request.id, 0, 0, 0, whole=False))
        elif isinstance(request, Background):
            self._tell(Tuned(request.id, [], whole=False))
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
