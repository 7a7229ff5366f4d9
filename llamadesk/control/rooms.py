"""What every control works with."""

from __future__ import annotations

import msgspec

from llamadesk.bridge.client import EngineClient
from llamadesk.control.keeping import Keeping
from llamadesk.control.notices import Notices
from llamadesk.control.tasks import Tasks
from llamadesk.core.start import StartMode
from llamadesk.state.conversations import ConversationListModel
from llamadesk.state.engine import EngineState
from llamadesk.state.models import ModelShelf
from llamadesk.state.settings import SettingValues
from llamadesk.state.transcript import MessageListModel
from llamadesk.store.front import Store


class Rooms(msgspec.Struct, frozen=True, eq=False):
    """The other rooms as control reaches them, made once by `Desk`.

    Attributes:
        client: the engine process.
        store: the chats and the settings as they are kept.
        settings, engine, transcript, conversations, models: what is on screen.
        notices: what the person is told.
        tasks: runs what has to be waited for.
        keeping: writes to the store what must not be lost.
        mode: what is other than at an ordinary start.
    """

    client: EngineClient
    store: Store
    settings: SettingValues
    engine: EngineState
    transcript: MessageListModel
    conversations: ConversationListModel
    models: ModelShelf
    notices: Notices
    tasks: Tasks
    keeping: Keeping
    mode: StartMode
