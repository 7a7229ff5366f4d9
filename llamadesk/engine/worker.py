"""The engine's work: takes up requests one after the other, and hears Cancel meanwhile."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field

from llamadesk.core.chat import ReplyStats
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.protocol import (
    Background,
    Cancel,
    Configure,
    CountTokens,
    Estimate,
    Estimated,
    Failed,
    Finished,
    FinishReason,
    Foreground,
    Forget,
    Generate,
    Load,
    Loaded,
    LoadProgress,
    Measure,
    Request,
    ShowPrompt,
    Shutdown,
    Unload,
    Unloaded,
)
from llamadesk.engine.asides import Asides
from llamadesk.engine.cancel import CancelFlag
from llamadesk.engine.loading import Loader, load_cancelled
from llamadesk.engine.pipe import EXIT_OK, Pipe, end_process
from llamadesk.engine.session import Session
from llamadesk.engine.troubles import explained

Task = Foreground | Background


@dataclass(frozen=True, slots=True)
class _Job:
    """A task that waits or is under way."""

    task: Task
    cancel: CancelFlag = field(default_factory=CancelFlag)


class Worker:
    """Does one task at a time on the thread of `run`; `take` may be called from another one."""

    def __init__(self, pipe: Pipe, loader: Loader) -> None:
        self._pipe = pipe
        self._loader = loader
        self._session: Session | None = None
        self._asides = Asides(pipe.send, _estimated)
        self._waiting: queue.SimpleQueue[_Job] = queue.SimpleQueue()
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
            case Forget() | Configure():
                pass
            case CountTokens() | Measure() | ShowPrompt() | Estimate():
                self._asides.take(request)
            case _:
                job = _Job(request)
                with self._jobs_lock:
                    self._jobs[request.id] = job
                self._waiting.put(job)

    def run(self) -> None:
        """Work until the process ends."""
        while True:
            job = self._waiting.get()
            try:
                self._do(job)
            except Exception as error:
                self._pipe.send(Failed(job.task.id, explained(job.task.id, error)))
            finally:
                with self._jobs_lock:
                    del self._jobs[job.task.id]

    def _do(self, job: _Job) -> None:
        match job.task:
            case Load() as task:
                self._load(task, job.cancel)
            case Unload(id=task_id):
                self._unload()
                self._pipe.send(Unloaded(task_id))
            case Generate() as task:
                self._generate(task, job.cancel)
            case _:
                raise NotImplementedError

    def _load(self, task: Load, cancel: CancelFlag) -> None:
        if cancel.is_set:
            raise ProblemError(load_cancelled())
        started = time.perf_counter()
        self._unload()
        self._session, model = self._loader.load(
            task.settings, cancel, lambda fraction: self._pipe.send(LoadProgress(task.id, fraction))
        )
        self._asides.use(self._session)
        self._pipe.send(Loaded(task.id, model, time.perf_counter() - started))

    def _unload(self) -> None:
        self._asides.release()
        if self._session is not None:
            self._session.close()
            self._session = None

    def _generate(self, task: Generate, cancel: CancelFlag) -> None:
        session = self._loaded()
        if cancel.is_set:
            self._pipe.send(Finished(task.id, FinishReason.CANCELLED, ReplyStats(), session.n_past, session.n_ctx))
            return
        session.generate(task, cancel, self._pipe.send)

    def _loaded(self) -> Session:
        if self._session is None:
            raise ProblemError(Problem(ProblemCode.NO_MODEL, "No model is loaded.", "Choose a model first."))
        return self._session


def _estimated(question: Estimate) -> Estimated:
    raise NotImplementedError(question)
