"""The engine's work: takes up requests one after the other, and hears Cancel meanwhile."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from llamadesk.core.chat import ReplyStats
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.protocol import (
    Background,
    Cancel,
    Configure,
    CountTokens,
    Estimate,
    Failed,
    Finished,
    FinishReason,
    Foreground,
    Forget,
    Generate,
    Load,
    Loaded,
    LoadProgress,
    LoadSettings,
    Measure,
    Prepare,
    Prepared,
    Request,
    ShowPrompt,
    Shutdown,
    Tune,
    Tuned,
    TuneProgress,
    Unload,
    Unloaded,
)
from llamadesk.engine.asides import Asides
from llamadesk.engine.cancel import CancelFlag
from llamadesk.engine.loading import Loader, default_threads, load_cancelled
from llamadesk.engine.memory import give_back, reset_peak
from llamadesk.engine.native import library_version
from llamadesk.engine.pipe import EXIT_OK, Pipe, end_process
from llamadesk.engine.prompt_cache import Tiers
from llamadesk.engine.session import Session
from llamadesk.engine.snapshot_disk import DiskTier
from llamadesk.engine.snapshot_memory import MemoryTier
from llamadesk.engine.snapshots import snapshot_key
from llamadesk.engine.troubles import explained, log_bug

Task = Foreground | Background


_IDLE_SECONDS: Final = 1.5
"""After so long without a task, what was computed is kept: it is not begun between two that follow each other."""
_TRIM_SECONDS: Final = 30.0
"""How often it is looked whether other programs need the memory in which states are kept."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A task that waits or is under way."""

    task: Task
    cancel: CancelFlag = field(default_factory=CancelFlag)


class Worker:
    """Does one task at a time on the thread of `run`, and small things between them that nobody waits for; `take` may
    be called from another one."""

    def __init__(self, pipe: Pipe, loader: Loader) -> None:
        self._pipe = pipe
        self._loader = loader
        self._session: Session | None = None
        self._n_gpu_layers = 0
        self._asides = Asides(pipe.send, loader.estimate)
        self._memory = MemoryTier()
        self._disk = DiskTier()
        self._waiting: queue.SimpleQueue[_Job | Forget | Configure] = queue.SimpleQueue()
        self._jobs: dict[int, _Job] = {}
        self._jobs_lock = threading.Lock()

    def take(self, request: Request) -> None:
        """Queue a task, or do at once what cannot wait: Cancel and Shutdown."""
        match request:
            case Shutdown():
                end_process(EXIT_OK)
            case Cancel(target=target):
                with self._jobs_lock:
                    job = self._jobs.get(target)
                if job is not None:
                    job.cancel.set()
            case Forget(chats=chats):
                self._disk.forget(chats)  # at once, whatever is under way
                self._waiting.put(request)
            case Configure():
                self._waiting.put(request)
            case CountTokens() | Measure() | ShowPrompt() | Estimate():
                self._asides.take(request)
            case _:
                job = _Job(request)
                with self._jobs_lock:
                    self._jobs[request.id] = job
                    if isinstance(request, Foreground):
                        self._cancel_background()
                self._waiting.put(job)

    def run(self) -> None:
        """Work until the process ends."""
        while True:
            job = self._next()
            if not isinstance(job, _Job):
                self._obey(job)
                continue
            try:
                self._do(job)
            except Exception as error:
                self._pipe.send(Failed(job.task.id, explained(job.task.id, error)))
            finally:
                with self._jobs_lock:
                    del self._jobs[job.task.id]

    def _next(self) -> _Job | Forget | Configure:
        """What is to be done next; until there is something, what nobody waits for."""
        wait: float | None = _IDLE_SECONDS
        while True:
            try:
                return self._waiting.get(timeout=wait)
            except queue.Empty:
                wait = self._keep_some()

    def _keep_some(self) -> float | None:
        """Do a little of that; returns after how many seconds there is more to do, None for never."""
        self._memory.trim()
        try:
            wait = self._session.keep_some() if self._session is not None else None
        except Exception as error:
            log_bug("Keeping states", error)
            wait = None
        return _TRIM_SECONDS if wait is None and self._memory.slots() else wait

    def _cancel_background(self) -> None:
        """A person waits now: what is done in the background gives way."""
        for job in self._jobs.values():
            if isinstance(job.task, Background):
                job.cancel.set()

    def _obey(self, order: Forget | Configure) -> None:
        if isinstance(order, Configure):
            self._memory.limit(order.ram_bytes)
            self._disk.configure(Path(order.snapshot_folder) if order.snapshot_folder else None, order.disk_bytes)
            return
        self._memory.forget(order.chats)
        self._disk.forget(order.chats)  # again: a reply may have been kept meanwhile
        if self._session is not None:
            self._session.forget(order.chats)

    def _do(self, job: _Job) -> None:
        match job.task:
            case Load() as task:
                self._load(task, job.cancel)
            case Unload(id=task_id):
                self._unload()
                give_back()
                self._pipe.send(Unloaded(task_id))
            case Generate() as task:
                self._generate(task, job.cancel)
            case Prepare() as task:
                self._prepare(task, job.cancel)
            case Tune() as task:
                self._tune(task, job.cancel)
            case _:
                raise NotImplementedError

    def _load(self, task: Load, cancel: CancelFlag) -> None:
        if cancel.is_set:
            raise ProblemError(load_cancelled())
        started = time.perf_counter()
        self._asides.release()
        session, self._session = self._session, None
        kept = session.release() if session is not None else None
        self._session, model = self._loader.load(
            task.settings, cancel, lambda fraction: self._pipe.send(LoadProgress(task.id, fraction)), kept
        )
        self._attach(self._session, task.settings, model.fingerprint)
        self._asides.use(self._session)
        self._n_gpu_layers = model.n_gpu_layers
        self._pipe.send(Loaded(task.id, model, time.perf_counter() - started))

    def _attach(self, session: Session, settings: LoadSettings, fingerprint: str) -> None:
        """Let a session keep the states of its chats, and find what was kept before."""
        self._memory.forget(None)  # it is another context's
        if not fingerprint:
            return
        try:
            key = snapshot_key(settings, fingerprint, library_version())
        except OSError:  # an adapter is gone meanwhile
            return
        session.attach(Tiers(self._memory, self._disk, key))

    def _unload(self) -> None:
        self._asides.release()
        if self._session is not None:
            self._session.close()
            self._session = None
        self._memory.forget(None)

    def _generate(self, task: Generate, cancel: CancelFlag) -> None:
        session = self._loaded()
        if cancel.is_set:
            self._pipe.send(Finished(task.id, FinishReason.CANCELLED, ReplyStats(), session.n_past, session.n_ctx))
            return
        session.generate(task, cancel, self._pipe.send)

    def _prepare(self, task: Prepare, cancel: CancelFlag) -> None:
        if cancel.is_set or self._session is None:
            self._pipe.send(Prepared(task.id, 0, 0, 0, whole=False))
            return
        self._pipe.send(self._session.prepare(task, cancel))

    def _tune(self, task: Tune, cancel: CancelFlag) -> None:
        from llamadesk.engine.tuning import tune  # noqa: PLC0415 - once for each model

        trials, whole = tune(
            self._loaded().model,
            self._n_gpu_layers,
            default_threads(),
            task.known,
            cancel,
            lambda fraction: self._pipe.send(TuneProgress(task.id, fraction)),
        )
        reset_peak()  # what was held for that is no matter of the model's
        self._pipe.send(Tuned(task.id, trials, whole))

    def _loaded(self) -> Session:
        if self._session is None:
            raise ProblemError(Problem(ProblemCode.NO_MODEL, "No model is loaded.", "Choose a model first."))
        return self._session
