"""A reply while it is written, as a value."""

from __future__ import annotations

import msgspec

from llamadesk.core.chat import ConversationId, Message, ReplyStats, Status
from llamadesk.core.protocol import Prompt


class Reply(msgspec.Struct, eq=False):
    """The reply that is being written.

    `prompt` is None until there is room for it; `request_id` is 0 until the engine was asked, which waits for a model
    that is being loaded; `message` is None until its row is committed, and text may come before. A `rowless` one will
    have none: the store could not take it. `continued` is what the reply was before it was gone on with.
    """

    conversation_id: ConversationId
    prompt: Prompt | None = None
    request_id: int = 0
    message: Message | None = None
    continued: Message | None = None
    rowless: bool = False
    parts: list[str] = []
    thoughts: list[str] = []
    n_unsaved: int = 0
    ended: tuple[Status, ReplyStats | None] | None = None
    first_token_at: float = 0.0
    status_at: float = 0.0
    n_tokens: int = 0

    @classmethod
    def going_on(cls, message: Message) -> Reply:
        """A reply that was cut off and is written on; its row is there."""
        return cls(
            message.conversation_id,
            message=msgspec.structs.replace(message, status=Status.STREAMING),
            continued=message,
            parts=[message.content],
            thoughts=[message.thought],
        )

    @property
    def text(self) -> str:
        """The answer so far."""
        return _joined(self.parts)

    @property
    def thought(self) -> str:
        """The thought before the answer, so far."""
        return _joined(self.thoughts)

    @property
    def is_blank(self) -> bool:
        """Whether nothing was written, be it to what was there before."""
        before = self.continued
        return (self.text, self.thought) == ((before.content, before.thought) if before else ("", ""))

    def add(self, text: str = "", thought: str = "") -> None:
        """More of the answer, or of the thought."""
        if text:
            self.parts.append(text)
        if thought:
            self.thoughts.append(thought)
        self.n_unsaved += len(text) + len(thought)

    def end(self, status: Status, stats: ReplyStats | None) -> None:
        """No more comes. What was gone on with in vain is as it was before."""
        before = self.continued
        if before is not None and self.is_blank and status is not Status.COMPLETE:
            status, stats = before.status, before.stats
        elif before is not None and before.stats is not None:
            stats = _together(before.stats, stats) if stats is not None else before.stats
        self.ended = (status, stats)

    def over(self, row: Message) -> Message:
        """`row` with what the reply is by now."""
        status, stats = self.ended or (Status.STREAMING, row.stats)
        return msgspec.structs.replace(row, content=self.text, thought=self.thought, status=status, stats=stats)


def _joined(parts: list[str]) -> str:
    if len(parts) > 1:
        parts[:] = ["".join(parts)]
    return parts[0] if parts else ""


def _together(first: ReplyStats, then: ReplyStats) -> ReplyStats:
    """The figures of a reply that was written in two goes: what the last one read, what both wrote."""
    return msgspec.structs.replace(
        then,
        n_generated=first.n_generated + then.n_generated,
        decode_seconds=first.decode_seconds + then.decode_seconds,
        n_drafted=first.n_drafted + then.n_drafted,
        n_accepted=first.n_accepted + then.n_accepted,
        n_thought=first.n_thought + then.n_thought,
    )
