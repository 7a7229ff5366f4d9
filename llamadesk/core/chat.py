"""Conversations and messages as plain values.

The messages of a conversation form a tree (`parent_id`), so that an edit or a new reply adds a sibling and loses
nothing. What is on screen is one path through it: from the root to the conversation's `leaf_id`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

import msgspec

ConversationId = NewType("ConversationId", int)
MessageId = NewType("MessageId", int)
Timestamp = NewType("Timestamp", int)
"""Milliseconds since 1970-01-01 00:00 UTC."""


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Status(StrEnum):
    """How far a message got.

    STREAMING is only ever seen while a reply is being written: at start-up it becomes INTERRUPTED.
    """

    COMPLETE = "complete"
    STREAMING = "streaming"
    STOPPED = "stopped"  # by the person
    INTERRUPTED = "interrupted"  # the engine or the app ended first
    CUT_OFF = "cut_off"  # the context or the length limit was reached
    FAILED = "failed"  # no reply could be made


class Mode(StrEnum):
    """What a message in a chat asks for."""

    CHAT = "chat"  # a reply, in the model's chat format
    QUESTION = "question"  # a reply to this message alone: what was said before is not shown to the model
    TEXT = "text"  # that the text goes on, without any chat format


class Overflow(StrEnum):
    """What happens where a chat is longer than the context."""

    ROLL = "roll"  # the oldest turns are dropped
    STOP = "stop"  # nothing is: the person is told
    SUMMARISE = "summarise"  # the oldest turns are replaced by the model's own summary of them


class ReplyStats(msgspec.Struct, frozen=True):
    """What a reply cost.

    Attributes:
        n_prompt: tokens of the whole prompt.
        n_reused: how many of them were already in the KV cache.
        n_generated: tokens generated.
        prefill_seconds: from the request until the first token could be sampled.
        decode_seconds: from the first token to the last.
        n_drafted, n_accepted: tokens guessed ahead by n-gram speculation, and how many of them were right.
        n_thought: tokens of the thought before the answer, among `n_generated`.
    """

    n_prompt: int = 0
    n_reused: int = 0
    n_generated: int = 0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0
    n_drafted: int = 0
    n_accepted: int = 0
    n_thought: int = 0

    @property
    def tokens_per_second(self) -> float:
        """Decoding speed; 0.0 where fewer than two tokens were generated."""
        if self.n_generated < 2 or self.decode_seconds <= 0:
            return 0.0
        return (self.n_generated - 1) / self.decode_seconds


class Message(msgspec.Struct, frozen=True):
    """One message of a conversation, as the store keeps it.

    Attributes:
        damaged: its text is not what was written: the disk has altered it. Shown, and said.
        pinned: the model goes on seeing it when the context is full.
        thought: what a thinking model wrote before its answer; not shown to it again.
    """

    id: MessageId
    conversation_id: ConversationId
    parent_id: MessageId | None
    role: Role
    content: str
    status: Status
    created_at: Timestamp
    model_name: str = ""
    stats: ReplyStats | None = None
    damaged: bool = False
    pinned: bool = False
    thought: str = ""


class ChatOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person chose for one chat.

    Attributes:
        mode: see Mode.
        overflow: None takes the one of the settings.
        summary: of the messages up to and including `summarised_to`, by the model or the person; "" is none. With
            Overflow.SUMMARISE the model is shown it in their place.
        summarised_to: 0 where there is no summary.
    """

    mode: Mode = Mode.CHAT
    overflow: Overflow | None = None
    summary: str = ""
    summarised_to: MessageId = MessageId(0)


class Conversation(msgspec.Struct, frozen=True):
    """One chat, without its messages. `leaf_id` is the last message of the path on screen."""

    id: ConversationId
    title: str
    created_at: Timestamp
    updated_at: Timestamp
    leaf_id: MessageId | None = None
    draft: str = ""
    options: ChatOptions = ChatOptions()


class SearchHit(msgspec.Struct, frozen=True):
    """A conversation that a search found, with the piece of text around the match (empty where the title matched)."""

    conversation: Conversation
    snippet: str = ""
    message_id: MessageId | None = None


TITLE_LENGTH = 60


def title_from(text: str, length: int = TITLE_LENGTH) -> str:
    """A chat's title from its first message: its first line with any text, cut after a word at `length` characters."""
    line = next((" ".join(line.split()) for line in text[:4000].splitlines() if line.strip()), "")
    line = line.strip("#*_`> ").strip()
    if not line:
        return "New chat"
    if len(line) <= length:
        return line
    cut = line[: length - 1]
    at_word, _, _ = line[:length].rpartition(" ")
    return (at_word if len(at_word) > length // 2 else cut).rstrip(" ,.;:") + "…"
