"""Has the model read what the person is about to ask, and says how the states of chats are kept."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QObject, QTimer, Slot

from llamadesk.control.chats import ChatControl
from llamadesk.control.context import ContextControl
from llamadesk.control.machine import Machine
from llamadesk.control.replies import ReplyControl
from llamadesk.control.rooms import Rooms
from llamadesk.core.errors import Problem
from llamadesk.core.paths import DataFolders
from llamadesk.core.protocol import Configure, Prepared, Prompt, RequestId
from llamadesk.core.settings import CACHE_DISK, CACHE_MEMORY, OVERFLOW, READ_AHEAD, SYSTEM_PROMPT
from llamadesk.state.engine import Phase

PAUSE_MS: Final = 350
"""A pause in typing."""
_AUTOMATIC: Final = -1
_AUTOMATIC_SHARE: Final = 4
_MB: Final = 1_000_000


class ReadAhead(QObject):
    """Prepares the chat on screen when it is opened, and the message that is being written in each pause in typing.

    What is being read goes on while the person types on: their text only grows, mostly, and what was begun would be
    lost. It is cut short where the text becomes another one, and, by the supervisor, by a message that is sent.
    """

    def __init__(
        self,
        rooms: Rooms,
        chats: ChatControl,
        context: ContextControl,
        replies: ReplyControl,
        folders: DataFolders,
        parent: QObject | None = None,
        *,
        machine: Machine | None = None,
    ) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._chats = chats
        self._context = context
        self._replies = replies
        self._folders = folders
        self._machine = machine or Machine()
        self._request: RequestId = 0
        self._asked: tuple[Prompt, str] | None = None  # of that request, or the last one that was read whole
        self._pause = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._pause.timeout.connect(self._look)
        chats.opened.connect(self._pause.start)
        chats.options_changed.connect(self._pause.start)
        chats.draft_changed.connect(self._on_draft_changed)
        chats.deleting.connect(self._on_deleting)
        replies.busy_changed.connect(self._on_busy_changed)
        rooms.engine.status_changed.connect(self._on_status_changed)
        rooms.engine.model_changed.connect(self._forget_asked)
        rooms.settings.changed.connect(self._on_setting_changed)
        rooms.client.prepared.connect(self._on_prepared)
        rooms.client.failed.connect(self._on_failed)

    def begin(self) -> None:
        """Say how the states of chats are kept; before the engine is started, which is told as soon as it is there."""
        self._rooms.tasks.start(self._configure())

    # --- How states are kept ---

    async def _configure(self) -> None:
        megabytes = self._rooms.settings.get(CACHE_MEMORY, int)
        ram = await self._rooms.tasks.read(_automatic_memory) if megabytes == _AUTOMATIC else megabytes * _MB
        # In safe mode what is on disk is neither used nor touched: it may be what does harm.
        folder = "" if self._rooms.mode.safe else str(self._folders.snapshots)
        self._rooms.client.configure(Configure(folder, ram, self._rooms.settings.get(CACHE_DISK, int) * _MB))

    @Slot(int)
    def _on_deleting(self, conversation_id: int) -> None:
        self._rooms.client.forget([str(conversation_id)])

    # --- Reading ahead ---

    @Slot()
    def _look(self) -> None:
        """Have what is on screen read, where that may be and is not done yet."""
        if not self._may_read():
            return
        prompt, draft = self._context.on_screen(), self._chats.draft
        if self._asked == (prompt, draft) or (self._request and self._goes_on(prompt, draft)):
            return
        self._asked = (prompt, draft)
        self._request = self._rooms.client.prepare(prompt, draft)

    def _may_read(self) -> bool:
        return (
            self._rooms.engine.status.phase is Phase.READY
            and self._rooms.settings.get(READ_AHEAD, bool)
            and not self._replies.busy
            and not self._machine.on_battery()
        )

    def _goes_on(self, prompt: Prompt, draft: str) -> bool:
        """Whether what is being read is a head of this."""
        return self._asked is not None and self._asked[0] == prompt and draft.startswith(self._asked[1])

    @Slot(str)
    def _on_draft_changed(self, draft: str) -> None:
        if self._request and self._asked is not None and not draft.startswith(self._asked[1]):
            self._rooms.client.cancel(self._request)
        self._pause.start()

    @Slot(bool)
    def _on_busy_changed(self, busy: bool) -> None:
        if not busy:  # what the reply has written is part of what comes next
            self._pause.start()

    @Slot()
    def _on_status_changed(self) -> None:
        if self._rooms.engine.status.phase is Phase.READY and self._asked is None:
            self._pause.start()

    @Slot()
    def _forget_asked(self) -> None:
        self._asked = None

    @Slot(str)
    def _on_setting_changed(self, key: str) -> None:
        if key in (CACHE_MEMORY, CACHE_DISK):
            self._rooms.tasks.start(self._configure())
        elif key == READ_AHEAD and self._request and not self._rooms.settings.get(READ_AHEAD, bool):
            self._rooms.client.cancel(self._request)
        elif key in (READ_AHEAD, SYSTEM_PROMPT, OVERFLOW):
            self._pause.start()

    @Slot(int, object)
    def _on_prepared(self, request_id: int, prepared: Prepared) -> None:
        if request_id != self._request:
            return
        self._request = 0
        if not prepared.whole:  # whatever cut it short says when it is over
            self._asked = None
        elif not self._pause.isActive():
            self._look()  # the draft may have grown meanwhile

    @Slot(int, object)
    def _on_failed(self, request_id: int, _problem: Problem) -> None:
        if request_id == self._request:  # a message that is sent meets the same, and then it is told
            self._request = 0


def _automatic_memory() -> int:
    """Bytes that states of chats may take where the person has not said: a share of what is free."""
    import psutil  # noqa: PLC0415 - slow to import

    return int(psutil.virtual_memory().available) // _AUTOMATIC_SHARE
