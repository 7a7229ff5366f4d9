"""What is known of the chats that were asked of a model, beside what is in its cache."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

from llamadesk.core.chat import MessageId
from llamadesk.engine.history import Fragment, History
from llamadesk.engine.snapshots import Slot

_REMEMBERED: Final = 32


class KnownChat:
    """What is known of one chat. `dropped`: the messages that its last prompt left out."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.dropped: list[MessageId] = []


class KnownChats:
    """Remembers the chats that were asked last. Belongs to one thread but for `history`."""

    def __init__(self, new_history: Callable[[Sequence[Fragment]], History]) -> None:
        """`new_history`: makes one of the fragments that are known already."""
        self._new_history = new_history
        self._kept_fragments: Callable[[Slot], Sequence[Fragment]] = lambda _: ()
        self._chats: dict[Slot, KnownChat] = {}  # the one asked last at the end

    def use_kept(self, fragments: Callable[[Slot], Sequence[Fragment]]) -> None:
        """Where the fragments of a chat are found that was asked in an earlier life."""
        self._kept_fragments = fragments

    def chat(self, slot: Slot) -> KnownChat:
        """What is known of a chat that is asked now."""
        chat = self._chats.pop(slot, None) or KnownChat(self._kept_history(slot))
        self._chats[slot] = chat
        if len(self._chats) > _REMEMBERED:
            del self._chats[next(iter(self._chats))]
        return chat

    def history(self, slot: Slot) -> History:
        """The history of a chat. May be asked for from any thread."""
        known = self._chats.get(slot)
        return known.history if known is not None else self._kept_history(slot)

    def forget(self, chats: Collection[str] | None) -> None:
        """Let go of these chats; of all with None."""
        for slot in [slot for slot in self._chats if chats is None or slot.chat in chats]:
            del self._chats[slot]

    def _kept_history(self, slot: Slot) -> History:
        return self._new_history(self._kept_fragments(slot))
