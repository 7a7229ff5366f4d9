"""Keeps a reply while it grows and when it is whole, and knows what the store does not have of it yet."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QObject, QTimer, Slot

from llamadesk.control.reply import Reply
from llamadesk.control.rooms import Rooms
from llamadesk.core.chat import Message, MessageId

_CHECKPOINT_MS = 800
"""How much of a reply a crash of the whole app can cost, at the most."""


class ReplyKeeping(QObject):
    """Writes one growing reply after the other to the store."""

    def __init__(self, rooms: Rooms, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._growing: Reply | None = None
        self._unkept: dict[MessageId, Reply] = {}
        self._checkpoints = QTimer(self, interval=_CHECKPOINT_MS)
        self._checkpoints.timeout.connect(self._checkpoint)

    def begin(self, reply: Reply) -> None:
        """This reply has a row from now on."""
        self._growing = reply
        self._checkpoints.start()

    async def finish(self, reply: Reply, row: Message) -> None:
        """Commit a reply that has ended. One that cannot be committed yet is held."""
        self._checkpoints.stop()
        self._growing = None
        self._unkept[row.id] = reply
        await self._rooms.keeping.keep(row.id, partial(self._write, reply, row))

    def overlay(self, messages: Sequence[Message]) -> list[Message]:
        """The messages with what replies have that the store does not have yet."""
        ahead = dict(self._unkept)
        if self._growing is not None and self._growing.message is not None:
            ahead[self._growing.message.id] = self._growing
        return [ahead[message.id].over(message) if message.id in ahead else message for message in messages]

    @Slot()
    def _checkpoint(self) -> None:
        reply = self._growing
        if reply is not None and reply.message is not None and reply.n_unsaved:
            reply.n_unsaved = 0
            self._rooms.keeping.keep_soon(reply.message.id, partial(self._write, reply, reply.message))

    async def _write(self, reply: Reply, row: Message) -> None:
        """Commit what a reply is by now."""
        if reply.ended is None:
            await self._rooms.store.checkpoint_reply(row.id, reply.text, reply.thought)
        else:
            status, stats = reply.ended
            await self._rooms.store.finish_reply(row.id, reply.text, status, stats, reply.thought)
            self._unkept.pop(row.id, None)
