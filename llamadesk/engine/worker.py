"""The engine's work: takes up requests one after the other, and hears Cancel meanwhile."""

from __future__ import annotations

import logging
import queue
import threading
import time
import traceback
from dataclasses import dataclass, field

from llamadesk.core.chat import ReplyStats
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.protocol import (
    Aside,
    Background,
    Cancel,
    Configure,
    CountTokens,
    Failed,
    Finished,
    FinishReason,
    Foreground,
    Forget,
    Generate,
    Load,
    Loaded,
    LoadProgress,
    Request,
    Shutdown,
    TokenCount,
    Unload,
    Unloaded,
)
from llamadesk.engine.cancel import CancelFlag
from llamadesk.engine.loading import Loader, load_cancelled
from llamadesk.engine.pipe import EXIT_OK, Pipe, end_process
from llamadesk.engine.session import Session

_log = logging.getLogger(__name__)

Task = Foreground | Background | Aside


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
            except ProblemError as error:
                _log.info("Request %d: %s", job.task.id, error)
                self._pipe.send(Failed(job.task.id, error.problem))
            except Exception as error:
                # Without the error's own words: they may quote a chat.
                where = " | ".join(
                    f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)
                )
                _log.error("Request %d failed: %s at %s", job.task.id, type(error).__name__, where)
                self._pipe.send(Failed(job.task.id, _bug(type(error).__name__)))
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
            case CountTokens(id=task_id, text=text):
                self._pipe.send(TokenCount(task_id, self._loaded().count_tokens(text)))
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
        self._pipe.send(Loaded(task.id, model, time.perf_counter() - started))

    def _unload(self) -> None:
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


def _bug(name: str) -> Problem:
    return Problem(
        ProblemCode.DECODE_FAILED,
        "Something went wrong inside the engine.",
        "Try again. If it happens again, load the model anew.",
        name,
    )
