"""What goes on by itself beside what the person asks for: tuning, rest, and getting along with the machine."""

from __future__ import annotations

import contextlib

from PySide6.QtCore import QObject

from llamadesk.control.activity import Activity
from llamadesk.control.awake import Awake
from llamadesk.control.chats import ChatControl
from llamadesk.control.fingerprints import Fingerprints
from llamadesk.control.library import ModelControl
from llamadesk.control.own_defaults import OwnDefaults
from llamadesk.control.pulse import Pulse
from llamadesk.control.records import LoadRecords
from llamadesk.control.replies import ReplyControl
from llamadesk.control.rest import RestControl
from llamadesk.control.rooms import Rooms
from llamadesk.control.tuning import TuningControl
from llamadesk.control.waking import Waking
from llamadesk.core.errors import ProblemError


class Upkeep(QObject):
    """Makes these controls and ties them together; they follow what happens and ask the others like a person would.

    Attributes:
        pulse: beats, and tells of a sleep of the machine.
        activity: when the person did something last.
        fingerprints: of the model files.
        own_defaults: what the person chose for one model alone.
        records: what loads really took.
        tuning: how each model computes fastest.
        rest: gives memory back.
        waking, awake: see their modules.
    """

    def __init__(
        self,
        rooms: Rooms,
        chats: ChatControl,
        replies: ReplyControl,
        library: ModelControl,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.pulse = Pulse(self)
        self.activity = Activity(rooms, chats, replies, self)
        self.fingerprints = Fingerprints(rooms, self)
        self.own_defaults = OwnDefaults(rooms, self.fingerprints, library.reload, self)
        self.tuning = TuningControl(rooms, self.fingerprints, self.activity, self.pulse, library.reload, self)
        self.rest = RestControl(rooms, chats, replies, library, self.tuning, self.activity, self.pulse, self)
        self.waking = Waking(rooms, self.pulse, self.activity, self)
        self.awake = Awake(rooms, replies, self)
        self.records = LoadRecords(rooms, self.fingerprints, self)
        library.wishes.tuned = self.tuning.choice
        library.wishes.records = self.records
        library.wishes.own = self.own_defaults.of

    async def begin(self) -> None:
        """Read what was learned, before a model is loaded, and begin."""
        with contextlib.suppress(ProblemError):  # the store logs it; all goes on without what was learned
            await self.fingerprints.begin()
            await self.own_defaults.begin()
            await self.records.begin()
            await self.tuning.begin()
        self.pulse.begin()

    def end(self) -> None:
        """The app ends."""
        self.tuning.end()
        self.awake.release()
