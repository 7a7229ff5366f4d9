"""Everything the window works with, put together: what is on screen, and who to ask."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject

from llamadesk.bridge.client import EngineClient, EngineCommand
from llamadesk.control.chats import ChatControl
from llamadesk.control.library import ModelControl
from llamadesk.control.notices import NoticeKind, Notices
from llamadesk.control.preferences import PreferenceControl
from llamadesk.control.replies import ReplyControl
from llamadesk.control.tasks import Tasks
from llamadesk.core.chat import Timestamp
from llamadesk.core.paths import DataFolders
from llamadesk.state.conversations import ConversationListModel
from llamadesk.state.engine import EngineState
from llamadesk.state.models import ModelShelf
from llamadesk.state.settings import SettingValues
from llamadesk.state.transcript import MessageListModel
from llamadesk.store.front import Store

_TRASH_KEPT_DAYS = 30


class Desk(QObject):
    """The window's one way in. Views follow `settings`, `engine`, `transcript`, `conversations` and `models`, and ask
    `chats`, `replies`, `library` and `preferences`."""

    def __init__(
        self,
        folders: DataFolders,
        store: Store,
        command: EngineCommand,
        on_bug: Callable[[BaseException], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._client = EngineClient(command, self)
        self.settings = SettingValues(self)
        self.engine = EngineState(self)
        self.transcript = MessageListModel(self)
        self.conversations = ConversationListModel(parent=self)
        self.models = ModelShelf(self)
        self.notices = Notices(self)
        self._tasks = Tasks(self.notices, on_bug)
        self.preferences = PreferenceControl(self.settings, store, self._tasks, self.notices, self)
        self.chats = ChatControl(
            self.conversations,
            self.transcript,
            self.settings,
            self.preferences,
            store,
            self._tasks,
            self.notices,
            self,
        )
        self.replies = ReplyControl(
            self._client,
            self.engine,
            self.models,
            self.transcript,
            self.conversations,
            self.settings,
            self.chats,
            store,
            self._tasks,
            self.notices,
            self,
        )
        self.library = ModelControl(
            folders,
            self._client,
            self.engine,
            self.models,
            self.settings,
            self.preferences,
            self._tasks,
            self.notices,
            self,
        )
        self.replies.model_wanted.connect(self.library.reload)
        self.settings.restore(store.read_settings_now())

    async def begin(self, model: Path | None = None) -> None:
        """Show the chats, start the engine and load a model: `model`, else the one of last time."""
        self._tasks.begin()
        self._client.start()
        await self.chats.begin()
        if self._store.recovered is not None:
            self.notices.problem(self._store.recovered, kind=NoticeKind.WARNING)
        await self.library.begin(model)
        self._tasks.start(self._tidy())

    async def _tidy(self) -> None:
        """What can wait until the window stands."""
        day = 24 * 60 * 60 * 1000
        await self._store.purge_trash(Timestamp(int(time.time() * 1000) - _TRASH_KEPT_DAYS * day))
        await self._store.backup_if_due()

    async def close(self) -> None:
        """Keep everything and end the engine. Nothing is left running afterwards."""
        self.chats.flush()
        self.preferences.flush()
        await self.replies.wait_until_idle()
        self._client.shutdown()
        self._store.close()
