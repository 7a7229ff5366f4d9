"""The list of chats and which of them is on screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from llamadesk.control.notices import NoticeKind
from llamadesk.control.preferences import PreferenceControl
from llamadesk.control.rooms import Rooms
from llamadesk.core.chat import (
    TITLE_LENGTH,
    ChatOptions,
    Conversation,
    ConversationId,
    Message,
    MessageId,
    title_from,
)
from llamadesk.core.settings import NEW_CHAT_DRAFT, OPEN_CONVERSATION

_DRAFT_AFTER_MS = 400
_SEARCH_AFTER_MS = 120

Overlay = Callable[[Sequence[Message]], list[Message]]
"""Puts the text a reply has so far over what the store last kept of it."""


class ChatControl(QObject):
    """Opens, makes, names, deletes and finds chats, and keeps what is typed into each."""

    opened = Signal()
    """Another chat, or a new one, is on screen; the composer takes `draft`."""
    deleting = Signal(int)
    """The chat with this id is about to go to the trash: who writes in it must stop."""
    options_changed = Signal()
    """The `options` of the chat on screen are others; also after `opened`, without this signal."""
    pins_changed = Signal()
    """A message of the chat on screen was pinned, or let go."""
    draft_changed = Signal(str)
    """What is typed into the chat on screen; not when another chat is opened."""

    def __init__(self, rooms: Rooms, preferences: PreferenceControl, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._preferences = preferences
        self._overlay: Overlay = list
        self._drafts: dict[ConversationId | None, str] = {}
        self._new_options = ChatOptions()
        self._unsaved: set[ConversationId | None] = set()
        self._opening = 0
        self._beginning = True
        self._search = ""
        self._draft_timer = QTimer(self, singleShot=True, interval=_DRAFT_AFTER_MS)
        self._draft_timer.timeout.connect(self.flush)
        self._search_timer = QTimer(self, singleShot=True, interval=_SEARCH_AFTER_MS)
        self._search_timer.timeout.connect(self._run_search)

    def set_overlay(self, overlay: Overlay) -> None:
        """Who knows the text of a reply that is being written."""
        self._overlay = overlay

    async def begin(self) -> None:
        """List the chats and open the one that was open last, unless the person was quicker and began another."""
        self._drafts.setdefault(None, self._rooms.settings.get(NEW_CHAT_DRAFT, str))
        try:
            conversations = await self._rooms.store.conversations()
            self._rooms.conversations.show(conversations)
            self._drafts.update({c.id: c.draft for c in conversations})
            if self._opening:
                return
            last = ConversationId(self._rooms.settings.get(OPEN_CONVERSATION, int))
            if self._rooms.conversations.find(last):
                await self._open(last)
            else:
                self.new_chat()
        finally:
            self._beginning = False

    # --- Which chat is on screen ---

    @property
    def current(self) -> Conversation | None:
        """The chat on screen; None where it is a new one without messages."""
        current = self._rooms.conversations.current
        return None if current is None else self._rooms.conversations.find(current)

    def new_chat(self) -> None:
        """Show an empty chat. It is kept once something is sent."""
        self._opening += 1
        self._rooms.conversations.set_current(None)
        self._rooms.transcript.show([])
        self._preferences.set(OPEN_CONVERSATION, 0)
        self.opened.emit()

    def open(self, conversation_id: ConversationId) -> None:
        """Show a chat."""
        if conversation_id != self._rooms.conversations.current:
            self._rooms.tasks.start(self._open(conversation_id))

    async def _open(self, conversation_id: ConversationId) -> None:
        self._opening += 1
        turn = self._opening
        messages = await self._rooms.store.messages(conversation_id)
        if turn != self._opening:
            return  # another chat was asked for meanwhile
        self._rooms.conversations.set_current(conversation_id)
        self._rooms.transcript.show(self._overlay(messages))
        self._preferences.set(OPEN_CONVERSATION, int(conversation_id))
        self.opened.emit()

    def adopt(self, conversation: Conversation) -> None:
        """The new chat on screen has its first message and so has become a conversation."""
        self._drafts[conversation.id] = ""
        options, self._new_options = self._new_options, ChatOptions()
        self._rooms.conversations.put(msgspec.structs.replace(conversation, options=options))
        if options != ChatOptions():
            self._keep_options_soon(conversation.id)
        self._rooms.conversations.set_current(conversation.id)
        self._preferences.set(OPEN_CONVERSATION, int(conversation.id))

    def changed(self, conversation: Conversation) -> None:
        """A chat was written to. Its title and options stay what they are: those are changed here alone."""
        known = self._rooms.conversations.find(conversation.id) or conversation
        self._rooms.conversations.put(msgspec.structs.replace(conversation, title=known.title, options=known.options))

    # --- What was chosen for a chat, and for a message ---

    @property
    def options(self) -> ChatOptions:
        """What was chosen for the chat on screen."""
        return self.options_of(self.current)

    def options_of(self, conversation: Conversation | None) -> ChatOptions:
        """What was chosen for a chat by now; None is the new one."""
        if conversation is None:
            return self._new_options
        known = self._rooms.conversations.find(conversation.id)
        return (known or conversation).options

    def set_options(self, options: ChatOptions, conversation: Conversation | None = None) -> None:
        """Choose for a chat, without one for that on screen. Those of a new chat are kept until it has a message."""
        conversation = conversation or self.current
        if options == self.options_of(conversation):
            return
        if conversation is None:
            self._new_options = options
        else:
            known = self._rooms.conversations.find(conversation.id) or conversation
            self._rooms.conversations.put(msgspec.structs.replace(known, options=options))
            self._keep_options_soon(conversation.id)
        if conversation is None or conversation.id == self._rooms.conversations.current:
            self.options_changed.emit()

    def _keep_options_soon(self, conversation_id: ConversationId) -> None:
        self._rooms.keeping.keep_soon(("options", conversation_id), partial(self._keep_options, conversation_id))

    async def _keep_options(self, conversation_id: ConversationId) -> None:
        conversation = self._rooms.conversations.find(conversation_id)
        if conversation is not None:
            await self._rooms.store.set_options(conversation_id, conversation.options)

    def set_pinned(self, message_id: MessageId, pinned: bool) -> None:
        """Have the model see a message of the chat on screen however long the chat gets, or no longer."""
        self._rooms.tasks.start(self._pin(message_id, pinned))

    async def _pin(self, message_id: MessageId, pinned: bool) -> None:
        message = await self._rooms.store.set_pinned(message_id, pinned)
        row = self._rooms.transcript.row_of(message_id)
        if row is not None:
            shown = self._rooms.transcript.message(row)  # which may be ahead of the store
            self._rooms.transcript.replace(msgspec.structs.replace(shown, pinned=message.pinned))
            self.pins_changed.emit()

    # --- Names and the trash ---

    def rename(self, conversation_id: ConversationId, title: str) -> None:
        """Give a chat another title; an empty one is not taken."""
        clean = title_from(title, 4 * TITLE_LENGTH) if title.strip() else ""
        if clean:
            self._rooms.tasks.start(self._rename(conversation_id, clean))

    async def _rename(self, conversation_id: ConversationId, title: str) -> None:
        renamed = await self._rooms.store.rename_conversation(conversation_id, title)
        self._rooms.conversations.put(msgspec.structs.replace(renamed, options=self.options_of(renamed)))

    def delete(self, conversation_id: ConversationId) -> None:
        """Put a chat in the trash; a notice offers to undo it."""
        self.deleting.emit(conversation_id)
        self._rooms.tasks.start(self._delete(conversation_id))

    async def _delete(self, conversation_id: ConversationId) -> None:
        conversation = self._rooms.conversations.find(conversation_id)
        await self._rooms.store.trash_conversation(conversation_id)
        self._rooms.conversations.remove(conversation_id)
        if self._rooms.conversations.current == conversation_id:
            self.new_chat()
        title = conversation.title if conversation else "chat"
        self._rooms.notices.post(
            NoticeKind.INFO,
            f"“{title}” was deleted.",
            action_label="Undo",
            action=lambda: self._undo(conversation_id),
        )

    def _undo(self, conversation_id: ConversationId) -> None:
        self._rooms.tasks.start(self._restore(conversation_id))

    async def _restore(self, conversation_id: ConversationId) -> None:
        self._rooms.conversations.put(await self._rooms.store.restore_conversation(conversation_id))
        self.open(conversation_id)

    # --- Search ---

    def search(self, text: str) -> None:
        """List the chats with `text` in their title or messages; an empty text lists all again."""
        self._search = text.strip()
        if self._search:
            self._search_timer.start()
        else:
            self._search_timer.stop()
            self._rooms.conversations.show_hits(None)

    def _run_search(self) -> None:
        self._rooms.tasks.start(self._find(self._search))

    async def _find(self, text: str) -> None:
        hits = await self._rooms.store.search(text)
        if text == self._search:
            self._rooms.conversations.show_hits(hits)

    # --- Drafts ---

    @property
    def draft(self) -> str:
        """What was typed into the chat on screen and not sent."""
        return self._drafts.get(self._rooms.conversations.current, "")

    def save_draft(self, text: str) -> None:
        """Keep what is in the composer; written after a pause in typing."""
        current = self._rooms.conversations.current
        if self._drafts.get(current, "") != text:
            if self._beginning:
                self._opening += 1  # what is being typed stays on screen: the chat of last time is not opened over it
            self._drafts[current] = text
            self._unsaved.add(current)
            self._draft_timer.start()
            self.draft_changed.emit(text)

    def flush(self) -> None:
        """Write the drafts that wait to be written now."""
        self._draft_timer.stop()
        unsaved, self._unsaved = self._unsaved, set()
        for conversation_id in unsaved:
            if conversation_id is None:
                self._preferences.set(NEW_CHAT_DRAFT, self._drafts.get(None, ""))
            else:
                self._rooms.keeping.keep_soon(("draft", conversation_id), partial(self._keep_draft, conversation_id))

    async def _keep_draft(self, conversation_id: ConversationId) -> None:
        await self._rooms.store.set_draft(conversation_id, self._drafts.get(conversation_id, ""))
