"""The engine as the window sees it: methods that return at once, and signals that name facts."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from importlib import import_module

from PySide6.QtCore import QObject, QThread, Signal, Slot

from llamadesk.bridge.command import EngineCommand, Patience, engine_command
from llamadesk.bridge.endings import Work
from llamadesk.bridge.pacing import Receipts
from llamadesk.bridge.supervisor import EngineGaveUp, EngineLost, Supervisor, Told
from llamadesk.core.protocol import (
    Aside,
    Configure,
    CountTokens,
    Delta,
    Dropped,
    Estimate,
    Estimated,
    Failed,
    Finished,
    Forget,
    Generate,
    Hello,
    Load,
    Loaded,
    LoadProgress,
    LoadSettings,
    Measure,
    Measured,
    Prepare,
    Prepared,
    Prompt,
    PromptProgress,
    PromptShown,
    RequestId,
    Sampling,
    ShowPrompt,
    TokenCount,
    Trial,
    Tune,
    Tuned,
    TuneProgress,
    Unload,
    Unloaded,
)

__all__ = ["EngineClient", "EngineCommand", "engine_command"]

_log = logging.getLogger(__name__)

_SHUTDOWN_MS = 3000


class _SupervisorThread(QThread):
    """A thread that Python knows for as long as it lives. One of Qt alone gets a new state of the interpreter for each
    call of a slot, and loses it again."""

    def run(self) -> None:
        """Work the slots of what lives here."""
        self.exec()


class EngineClient(QObject):
    """Lives on the window's thread and owns the thread of the supervisor; every signal is emitted on the window's.

    Requests are answered one after another, in the order they were made, and wait while the engine is being started.
    Each is answered exactly once: a load by `loaded` or `failed`, a reply by `finished` or `failed`, and so on. A load
    ends every earlier load that is not done yet (`failed` with LOAD_CANCELLED). `prepare` and `tune` are background
    work: it waits for everything else, is cut short (`prepared`, `tuned`) by any of it, and by newer work of its kind.
    `count_tokens`, `measure`, `show_prompt` and `estimate` are answered while a reply is written.

    Signals:
        started: Hello; after each start of the process.
        load_progressed: request id, fraction.
        loaded: request id, LoadedModel, seconds.
        unloaded: request id.
        prompt_progressed: request id, tokens done, tokens in total, tokens reused.
        dropped: request id, ids of the messages that the model does not see any more; before what is read or written
            without them.
        delta_received: request id, text, tokens in it, tokens in the context; at most 28 a second.
        thought_received: request id, text of the thought before the answer; before the delta that it came with.
        finished: request id, Finished. A reply that was cancelled always ends in this, even where the process had to be
            killed for it (then with the figures that are known).
        failed: request id, Problem; of any request but `unload`.
        prepared: request id, Prepared. tune_progressed: request id, fraction. tuned: request id, Tuned.
        token_counted: request id, tokens.
        measured: request id, Measured. prompt_shown: request id, PromptShown. estimated: request id, Estimated.
        engine_lost: Problem, whether a model is loaded next; the process ended by itself. What was under way has got
            its `failed` before. It is being started again, and the last model that was loaded is loaded again (`loaded`
            or `failed` with the id of that load) unless another load waits. The flag is False where there is neither.
        gave_up: Problem; in place of engine_lost, where it ended again and again on the same model and settings, or
            could not be started at all: all requests fail until the next `load`.
    """

    started = Signal(object)
    load_progressed = Signal(int, float)
    loaded = Signal(int, object, float)
    unloaded = Signal(int)
    prompt_progressed = Signal(int, int, int, int)
    dropped = Signal(int, object)
    delta_received = Signal(int, str, int, int)
    thought_received = Signal(int, str)
    finished = Signal(int, object)
    failed = Signal(int, object)
    prepared = Signal(int, object)
    tune_progressed = Signal(int, float)
    tuned = Signal(int, object)
    token_counted = Signal(int, int)
    measured = Signal(int, object)
    prompt_shown = Signal(int, object)
    estimated = Signal(int, object)
    engine_lost = Signal(object, bool)
    gave_up = Signal(object)

    _start_asked = Signal()
    _submitted = Signal(object)
    _asked = Signal(object)
    _ordered = Signal(object)
    _cancel_asked = Signal(int)
    _restart_asked = Signal()
    _shutdown_asked = Signal()

    def __init__(
        self, command: EngineCommand, parent: QObject | None = None, *, patience: Patience | None = None
    ) -> None:
        super().__init__(parent)
        self._ids = itertools.count(1)
        self._closed = False
        self._thread = _SupervisorThread(self)
        self._thread.setObjectName("engine supervisor")
        self._receipts = Receipts()
        self._supervisor = Supervisor(command, patience or Patience(), self._receipts)
        self._supervisor.moveToThread(self._thread)
        self._thread.finished.connect(self._supervisor.deleteLater)
        self._supervisor.told.connect(self._deliver)
        self._start_asked.connect(self._supervisor.start)
        self._submitted.connect(self._supervisor.submit)
        self._asked.connect(self._supervisor.ask)
        self._ordered.connect(self._supervisor.pass_on)
        self._cancel_asked.connect(self._supervisor.cancel)
        self._restart_asked.connect(self._supervisor.restart)
        self._shutdown_asked.connect(self._supervisor.shut_down)

    def start(self) -> None:
        """Start the engine. Call once; `shutdown` must be called before this object goes."""
        import_module("llamadesk.bridge.process")  # on this thread, see its QT_CLASSES, and after the first frame
        self._thread.start()
        self._start_asked.emit()

    def load(self, settings: LoadSettings) -> RequestId:
        """Load a model in place of whatever is loaded. Starts an engine that was given up on."""
        return self._submit(Load(next(self._ids), settings))

    def unload(self) -> RequestId:
        """Free the model and its memory."""
        return self._submit(Unload(next(self._ids)))

    def generate(
        self,
        prompt: Prompt,
        sampling: Sampling,
        max_tokens: int = 0,
        stop: Sequence[str] = (),
        *,
        thought_budget: int = -1,
        speculate: bool = True,
    ) -> RequestId:
        """Write a reply; see `protocol.Generate`."""
        return self._submit(
            Generate(next(self._ids), prompt, sampling, max_tokens, list(stop), thought_budget, speculate)
        )

    def prepare(self, prompt: Prompt, draft: str = "") -> RequestId:
        """Read ahead; see `protocol.Prepare`."""
        return self._submit(Prepare(next(self._ids), prompt, draft))

    def tune(self, known: Sequence[Trial] = ()) -> RequestId:
        """Measure how the loaded model computes fastest; see `protocol.Tune`."""
        return self._submit(Tune(next(self._ids), list(known)))

    def count_tokens(self, text: str) -> RequestId:
        """Count the tokens that the loaded model makes of a text."""
        return self._ask(CountTokens(next(self._ids), text))

    def measure(self, prompt: Prompt, draft: str = "", *, model_path: str = "", n_ctx: int = 0) -> RequestId:
        """How much of the context a prompt fills; see `protocol.Measure`."""
        return self._ask(Measure(next(self._ids), prompt, draft, model_path, n_ctx))

    def show_prompt(self, prompt: Prompt, *, model_path: str = "", n_ctx: int = 0) -> RequestId:
        """Exactly what the model would be shown; see `protocol.ShowPrompt`."""
        return self._ask(ShowPrompt(next(self._ids), prompt, model_path, n_ctx))

    def estimate(self, settings: LoadSettings) -> RequestId:
        """What a load would take, as llama.cpp itself works it out."""
        return self._ask(Estimate(next(self._ids), settings))

    def forget(self, chats: Sequence[str] | None) -> None:
        """Delete the saved states of these chats; of all chats with None."""
        self._ordered.emit(Forget(None if chats is None else list(chats)))

    def configure(self, configuration: Configure) -> None:
        """How the states of chats are kept from now on."""
        self._ordered.emit(configuration)

    def cancel(self, request_id: RequestId) -> None:
        """Stop that load, reply or background work; nothing happens where it has ended. An engine that does not hear it
        is killed."""
        self._cancel_asked.emit(request_id)

    def restart(self) -> None:
        """Start an engine that does not answer any more again, with the model that it had loaded. What was under way
        ends as if it had been cancelled; nothing is told but `load_progressed` and `loaded`."""
        self._restart_asked.emit()

    def shutdown(self) -> None:
        """End the engine and the thread; blocks for at most 3 s. No signal comes from the engine any more."""
        self._closed = True
        if not self._thread.isRunning():
            return
        self._shutdown_asked.emit()
        if not self._thread.wait(_SHUTDOWN_MS):
            _log.error("The engine's thread did not end in time")

    def _submit(self, request: Work) -> RequestId:
        self._submitted.emit(request)
        return request.id

    def _ask(self, question: Aside) -> RequestId:
        self._asked.emit(question)
        return question.id

    @Slot(object)
    def _deliver(self, told: list[Told]) -> None:
        for event in told:
            if self._closed:
                return
            self._emit(event)
        self._receipts.add()

    def _emit(self, event: Told) -> None:
        match event:
            case Delta():
                if event.thought:
                    self.thought_received.emit(event.id, event.thought)
                self.delta_received.emit(event.id, event.text, event.n_tokens, event.n_past)
            case PromptProgress():
                self.prompt_progressed.emit(event.id, event.done, event.total, event.reused)
            case LoadProgress():
                self.load_progressed.emit(event.id, event.fraction)
            case Loaded():
                self.loaded.emit(event.id, event.model, event.seconds)
            case Unloaded():
                self.unloaded.emit(event.id)
            case Finished():
                self.finished.emit(event.id, event)
            case Dropped():
                self.dropped.emit(event.id, event.message_ids)
            case Prepared():
                self.prepared.emit(event.id, event)
            case TuneProgress():
                self.tune_progressed.emit(event.id, event.fraction)
            case Tuned():
                self.tuned.emit(event.id, event)
            case TokenCount():
                self.token_counted.emit(event.id, event.n_tokens)
            case Measured():
                self.measured.emit(event.id, event)
            case PromptShown():
                self.prompt_shown.emit(event.id, event)
            case Estimated():
                self.estimated.emit(event.id, event)
            case Failed():
                self.failed.emit(event.id, event.problem)
            case Hello():
                self.started.emit(event)
            case EngineLost():
                self.engine_lost.emit(event.problem, event.reloads)
            case EngineGaveUp():
                self.gave_up.emit(event.problem)
