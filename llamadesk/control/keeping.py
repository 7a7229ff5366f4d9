"""Writes that nobody repeats by hand: a draft, a setting, a reply. What the store cannot take now is tried again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from PySide6.QtCore import QObject, QTimer

from llamadesk.control.notices import NoticeKind, Notices
from llamadesk.control.tasks import Tasks
from llamadesk.core.errors import Problem, ProblemError

_AGAIN_AFTER_MS = 4000

Write = Callable[[], Awaitable[object]]
"""Writes one thing as it is when this is called; done more than once it does no harm."""


class Keeping(QObject):
    """Writes, and holds what could not be written (the disk is full) until it can be.

    The person is told once when it begins and once when it is over, however much is written meanwhile.
    """

    def __init__(self, tasks: Tasks, notices: Notices, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._notices = notices
        self._held: dict[object, Write] = {}
        self._words: set[object] = set()  # the keys, held once at least, of what somebody has written
        self._trouble: Problem | None = None
        self._timer = QTimer(self, singleShot=True, interval=_AGAIN_AFTER_MS)
        self._timer.timeout.connect(lambda: tasks.start(self.try_again()))

    @property
    def trouble(self) -> Problem | None:
        """Why words are held; None where none are, be it that a setting is."""
        return self._trouble if self._words & self._held.keys() else None

    def keep_soon(self, key: object, write: Write, *, words: bool = True) -> None:
        """Write at the loop's next turn; see `keep`."""
        self._tasks.start(self._keep(key, write, words))

    async def keep(self, key: object, write: Write, *, words: bool = True) -> bool:
        """Write now. Where the store cannot take it, it is held in place of what is held under `key`, and False
        returned. `words` is whether it is something that somebody has written."""
        try:
            await write()
        except ProblemError as error:
            if not self._held:
                self._notices.problem(error.problem)
            self._held[key] = write
            if words:
                self._words.add(key)
            self._trouble = error.problem
            self._timer.start()
            return False
        if self._held.pop(key, None) is not None and not self._held:
            self._timer.stop()
            self._words.clear()
            self._notices.post(NoticeKind.INFO, "What could not be saved before is saved now.")
        return True

    async def try_again(self) -> None:
        """Write what is held, in the order it came, as far as the store can take it."""
        for key, write in list(self._held.items()):
            if not await self.keep(key, write, words=key in self._words):
                return

    async def _keep(self, key: object, write: Write, words: bool) -> None:
        await self.keep(key, write, words=words)
