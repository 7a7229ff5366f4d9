"""What the model is shown of a chat, as the person wants it."""

from __future__ import annotations

from collections.abc import Sequence

from llamadesk.control.chats import ChatControl
from llamadesk.control.rooms import Rooms
from llamadesk.core.chat import Conversation, ConversationId, Message, Mode, Overflow
from llamadesk.core.prompt import turns_for
from llamadesk.core.protocol import Prompt
from llamadesk.core.settings import OVERFLOW, SYSTEM_PROMPT


class Prompts:
    """Makes prompts of chats, by the settings and what was chosen for each of them."""

    def __init__(self, rooms: Rooms, chats: ChatControl) -> None:
        self._rooms = rooms
        self._chats = chats
        self._rolling: set[ConversationId] = set()

    def prompt(self, conversation: Conversation | None, messages: Sequence[Message], *, continues: bool) -> Prompt:
        """See `ContextControl.prompt`."""
        options = self._chats.options_of(conversation)
        overflow = self.overflow(conversation)
        turns = turns_for(
            messages,
            self._rooms.settings.effective(SYSTEM_PROMPT, str),
            mode=options.mode,
            summary=options.summary if overflow is Overflow.SUMMARISE else "",
            summarised_to=options.summarised_to,
            continues=continues,
        )
        if conversation is None:
            return Prompt(turns, options.mode, overflow, continues)
        if conversation.id in self._rolling:
            overflow = Overflow.ROLL
        return Prompt(turns, options.mode, overflow, continues, str(conversation.id))

    def on_screen(self) -> Prompt:
        """The chat on screen without what is being typed."""
        messages = self._rooms.transcript.messages() if self._chats.options.mode is Mode.CHAT else []
        return self.prompt(self._chats.current, messages, continues=False)

    def overflow(self, conversation: Conversation | None) -> Overflow:
        """What is to happen where a chat is too long: its own choice, or that of the settings."""
        return self._chats.options_of(conversation).overflow or Overflow(self._rooms.settings.get(OVERFLOW, str))

    def set_rolling(self, conversation_id: ConversationId, rolling: bool) -> None:
        """Whether the oldest turns of a chat are dropped in place of a summary that could not be made."""
        if rolling:
            self._rolling.add(conversation_id)
        else:
            self._rolling.discard(conversation_id)
