"""Questions that return once (store, scan), asked from slots."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from llamadesk.control.notices import Notices
from llamadesk.core.errors import ProblemError

if TYPE_CHECKING:
    import asyncio

Failure = Callable[[BaseException], None]
_LOOK_AGAIN_SECONDS = 0.05
_P = ParamSpec("_P")
_T = TypeVar("_T")


class Tasks:
    """Starts coroutines on the window's event loop, keeps them alive and lets none fail unheard.

    The window stands before the loop does, so what is started meanwhile waits for `begin`. A `ProblemError` becomes a
    notice, anything else goes to `on_bug`.
    """

    def __init__(self, notices: Notices, on_bug: Failure) -> None:
        self._notices = notices
        self._on_bug = on_bug
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[tuple[Coroutine[object, object, None], bool]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._apart: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """From now on coroutines run, on the loop of the caller."""
        import asyncio  # noqa: PLC0415 - not before the first frame: it is slow to import

        self._loop = asyncio.get_running_loop()
        waiting, self._waiting = self._waiting, []
        for work, apart in waiting:
            self.start(work, apart=apart)

    def start(self, work: Coroutine[object, object, None], *, apart: bool = False) -> None:
        """Run `work`; it begins at the loop's next turn. `apart`: `drained` does not wait for it, for it may take long
        and nothing that must be kept comes of it."""
        if self._loop is None:
            self._waiting.append((work, apart))
            return
        task = self._loop.create_task(work)
        (self._apart if apart else self._running).add(task)
        task.add_done_callback(self._ended)

    async def drained(self) -> None:
        """Returns when nothing is running any more but what was started apart."""
        import asyncio  # noqa: PLC0415 - as in `begin`

        while self._running:
            with contextlib.suppress(Exception):
                await asyncio.wait(set(self._running))

    async def end(self) -> None:
        """Give up what was started apart: the loop is about to end, and with it all that goes on in it."""
        import asyncio  # noqa: PLC0415 - as in `begin`

        for task in self._apart:
            task.cancel()
        if self._apart:
            await asyncio.wait(set(self._apart))

    async def read(self, question: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Await what a blocking function answers, on the loop's own thread for that."""
        import asyncio  # noqa: PLC0415 - as in `begin`

        return await asyncio.get_running_loop().run_in_executor(None, functools.partial(question, *args, **kwargs))

    async def read_apart(self, question: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """The same for what may take long, on a thread of its own that neither other questions nor the app's end wait
        for."""
        import asyncio  # noqa: PLC0415 - as in `begin`
        import threading  # noqa: PLC0415
        from concurrent.futures import Future  # noqa: PLC0415

        answer: Future[_T] = Future()

        def work() -> None:
            try:
                answer.set_result(question(*args, **kwargs))
            except BaseException as error:
                answer.set_exception(error)

        threading.Thread(target=work, name="apart", daemon=True).start()
        while not answer.done():  # looked at from here: the loop may be gone by the time that thread has an answer
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        return answer.result()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._apart.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, ProblemError):
            self._notices.problem(error.problem)
        elif error is not None:
            self._on_bug(error)
