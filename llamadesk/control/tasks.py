"""Questions that return once (store, scan), asked from slots."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine

from llamadesk.control.notices import Notices
from llamadesk.core.errors import ProblemError

Failure = Callable[[BaseException], None]


class Tasks:
    """Starts coroutines on the window's event loop, keeps them alive and lets none fail unheard.

    A `ProblemError` becomes a notice, anything else goes to `on_bug`.
    """

    def __init__(self, notices: Notices, on_bug: Failure) -> None:
        self._notices = notices
        self._on_bug = on_bug
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Run `work`; it begins at the loop's next turn."""
        task = asyncio.get_event_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def drained(self) -> None:
        """Returns when nothing is running any more."""
        while self._running:
            with contextlib.suppress(Exception):
                await asyncio.wait(set(self._running))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, ProblemError):
            self._notices.problem(error.problem)
        elif error is not None:
            self._on_bug(error)
