"""Everything the window works with, put together: what is on screen, and who to ask."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from llamadesk.bridge.client import EngineClient, EngineCommand
from llamadesk.control.chats import ChatControl
from llamadesk.control.context import ContextControl
from llamadesk.control.keeping import Keeping
from llamadesk.control.library import ModelControl
from llamadesk.control.notices import NoticeKind, Notices
from llamadesk.control.preferences import PreferenceControl, kept
from llamadesk.control.replies import ReplyControl
from llamadesk.control.rooms import Rooms
from llamadesk.control.tasks import Tasks
from llamadesk.core.chat import Timestamp
from llamadesk.core.errors import Problem
from llamadesk.core.models import ModelFile
from llamadesk.core.paths import DataFolders
from llamadesk.core.start import StartMode
from llamadesk.state.context import ContextState
from llamadesk.state.conversations import ConversationListModel
from llamadesk.state.engine import EngineState
from llamadesk.state.models import ModelShelf
from llamadesk.state.settings import SettingValues
from llamadesk.state.transcript import MessageListModel
from llamadesk.store.front import Store

if TYPE_CHECKING:
    from llamadesk.control.ahead import ReadAhead
    from llamadesk.control.diagnostics import DiagnosticsControl
    from llamadesk.control.fingerprints import Fingerprints
    from llamadesk.control.models.catalogue import CatalogueControl
    from llamadesk.control.models.model_page import ModelPageControl
    from llamadesk.control.models.quantizing import QuantizeControl
    from llamadesk.control.online.downloads import DownloadControl
    from llamadesk.control.online.hub import HubControl
    from llamadesk.control.online.updates import UpdateControl
    from llamadesk.control.tuning import TuningControl
    from llamadesk.control.upkeep import Upkeep

_ORDINARY = StartMode()
_SAFE_MODE = (
    "LlamaDesk is in safe mode: your own settings are not used, and only the processor computes. What you change now "
    "holds until you close it. To leave safe mode, close LlamaDesk and start it without Shift and --safe-mode."
)
_SAFE_MODE_DETAIL = (
    "Your chats are all here, and what you write is kept as always. Your own settings are untouched, and used again at "
    "the next ordinary start. The model of last time is not loaded by itself: choose it in the settings to try it."
)
_TRASH_KEPT_DAYS = 30


class Desk(QObject):
    """The window's one way in. Views follow `settings`, `engine`, `context_state`, `transcript`, `conversations` and
    `models`, and ask `chats`, `replies`, `context`, `library`, `preferences`, `tuning`, `diagnostics` and `updates`."""

    def __init__(
        self,
        folders: DataFolders,
        store: Store,
        command: EngineCommand,
        on_bug: Callable[[BaseException], None],
        parent: QObject | None = None,
        *,
        mode: StartMode = _ORDINARY,
    ) -> None:
        super().__init__(parent)
        notices = Notices(self)
        tasks = Tasks(notices, on_bug)
        self._rooms = rooms = Rooms(
            client=EngineClient(command, self),
            store=store,
            settings=SettingValues(self),
            engine=EngineState(self),
            transcript=MessageListModel(self),
            conversations=ConversationListModel(parent=self),
            models=ModelShelf(self),
            notices=notices,
            tasks=tasks,
            keeping=Keeping(tasks, notices, self),
            mode=mode,
        )
        self.mode = mode
        self.settings = rooms.settings
        self.engine = rooms.engine
        self.transcript = rooms.transcript
        self.conversations = rooms.conversations
        self.models = rooms.models
        self.notices = rooms.notices
        self.preferences = PreferenceControl(rooms, self)
        self.chats = ChatControl(rooms, self.preferences, self)
        self.context_state = ContextState(self)
        self.context = ContextControl(rooms, self.chats, self.context_state, self._context_length, self)
        self.replies = ReplyControl(rooms, self.chats, self.context, self)
        self.library = ModelControl(rooms, folders, self.preferences, self)
        self._folders = folders
        self.replies.model_wanted.connect(self.library.reload)
        self.replies.dropped.connect(self.context.on_dropped)
        self.context.model_wanted.connect(self.library.reload)
        self.settings.restore(kept(store.read_settings_now(), mode))
        if mode.safe:
            notices.post(NoticeKind.WARNING, _SAFE_MODE, detail=_SAFE_MODE_DETAIL)

    def _context_length(self, file: ModelFile) -> int:
        return self.library.context_length(file)

    @cached_property
    def diagnostics(self) -> DiagnosticsControl:
        """What support needs to know. Made when the engine is started, for it hears what that says."""
        from llamadesk.control.diagnostics import DiagnosticsControl  # noqa: PLC0415 - the first frame needs none

        return DiagnosticsControl(self._rooms, self._folders, self)

    @cached_property
    def updates(self) -> UpdateControl:
        """Whether there is a newer version. Made when the settings show it or the app has begun."""
        from llamadesk.control.online.updates import UpdateControl  # noqa: PLC0415 - as in `diagnostics`

        return UpdateControl(self._rooms, self.preferences, self)

    @cached_property
    def upkeep(self) -> Upkeep:
        """What goes on by itself. Made when the settings show some of it or the app has begun."""
        from llamadesk.control.upkeep import Upkeep  # noqa: PLC0415 - as in `diagnostics`

        return Upkeep(self._rooms, self.chats, self.replies, self.library, self)

    @cached_property
    def ahead(self) -> ReadAhead:
        """Has the model read what is about to be asked. Made when the app has begun."""
        from llamadesk.control.ahead import ReadAhead  # noqa: PLC0415 - as in `diagnostics`

        return ReadAhead(self._rooms, self.chats, self.context, self.replies, self._folders, self)

    @cached_property
    def catalogue(self) -> CatalogueControl:
        """The models that one can choose from. Made when the first view asks what suits this machine."""
        from llamadesk.control.models.catalogue import CatalogueControl  # noqa: PLC0415 - as in `diagnostics`

        return CatalogueControl(
            self._rooms,
            self.library,
            self.preferences,
            self.upkeep.own_defaults,
            self.hub,
            self.downloads,
            self._folders,
            self,
        )

    @cached_property
    def hub(self) -> HubControl:
        """The hub of models. Made when the model library asks for it; it asks the network for nothing by itself."""
        from llamadesk.control.online.hub import HubControl  # noqa: PLC0415 - as in `diagnostics`

        return HubControl(self._rooms, self)

    @cached_property
    def downloads(self) -> DownloadControl:
        """What is being downloaded. Made when the app has begun, for it goes on where it was."""
        from llamadesk.control.online.downloads import DownloadControl  # noqa: PLC0415 - as in `diagnostics`

        return DownloadControl(self._rooms, self.hub, self.library, self._folders, self)

    @cached_property
    def quantizing(self) -> QuantizeControl:
        """Makes models smaller. Made when the model library asks for it."""
        from llamadesk.control.models.quantizing import QuantizeControl  # noqa: PLC0415 - as in `diagnostics`

        return QuantizeControl(self._rooms, self.library, self)

    @cached_property
    def model_pages(self) -> ModelPageControl:
        """What is known of one model file. Made when the model library asks for it."""
        from llamadesk.control.models.model_page import ModelPageControl  # noqa: PLC0415 - as in `diagnostics`

        records = self._folders.download_records
        return ModelPageControl(self._rooms, self.library, self.preferences, self.upkeep, records, self._use_of, self)

    def _use_of(self, path: Path) -> str:
        """What else needs a file at the moment, in a sentence; "" for nothing."""
        if "downloads" in vars(self):
            for entry in self.downloads.state.entries():
                if entry.is_active and str(path) in entry.download.targets:
                    return "The file is being downloaded."
        job = self.quantizing.state.job if "quantizing" in vars(self) else None
        return "Another model is being made from this file." if job is not None and job.source.path == path else ""

    @property
    def tuning(self) -> TuningControl:
        """How each model computes fastest here."""
        return self.upkeep.tuning

    @property
    def fingerprints(self) -> Fingerprints:
        """By which what was learned of models is kept."""
        return self.upkeep.fingerprints

    async def begin(self, model: Path | None = None) -> None:
        """Show the chats, start the engine and load a model: `model`, else the one of last time."""
        self._rooms.tasks.begin()
        _ = self.diagnostics, self.upkeep  # made now: they hear the engine from the start
        self.ahead.begin()
        self._rooms.client.start()
        await self.chats.begin()
        if self._rooms.store.recovered is not None:
            self.notices.problem(self._rooms.store.recovered, kind=NoticeKind.WARNING)
        await self.upkeep.begin()
        await self.library.begin(model)
        await self.downloads.begin()
        self._rooms.tasks.start(self._tidy())
        self.updates.begin()

    async def _tidy(self) -> None:
        """What can wait until the window stands."""
        day = 24 * 60 * 60 * 1000
        deadline = Timestamp(int(time.time() * 1000) - _TRASH_KEPT_DAYS * day)
        if purged := await self._rooms.store.to_be_purged(deadline):  # those deleted in safe mode have states left
            self._rooms.client.forget([str(chat) for chat in purged])
        await self._rooms.store.purge_trash(deadline)
        await self._rooms.store.backup_if_due()

    async def keep_all(self) -> Problem | None:
        """Stop the reply and write everything; what hinders it, or None. The desk can be used on afterwards."""
        self.upkeep.end()
        if "model_pages" in vars(self):
            self.model_pages.end()
        self.chats.flush()
        self.preferences.flush()
        self.context.stop()
        await self.replies.wait_until_idle()
        await self._rooms.keeping.try_again()
        return self._rooms.keeping.trouble

    async def close(self) -> None:
        """Keep everything that can be kept and end the engine. Nothing is left running afterwards."""
        await self.keep_all()
        if "downloads" in vars(self):  # else it was never needed, and so with the others
            await self.downloads.end()
        self.library.end()
        await self._rooms.tasks.end()
        if "quantizing" in vars(self):
            self.quantizing.end()
        if "hub" in vars(self):
            self.hub.end()
        self._rooms.client.shutdown()
        self._rooms.store.close()
