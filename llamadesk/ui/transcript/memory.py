"""What of a chat the model still sees, as far as the transcript shows it. No Qt in here."""

from __future__ import annotations

from dataclasses import dataclass

from llamadesk.core.chat import MessageId


@dataclass(frozen=True, slots=True)
class Memory:
    """Where the model's memory of a chat begins.

    Attributes:
        first_seen: the message from which on it sees all; None where it sees the whole chat.
        dropped: the messages that it does not see. One before `first_seen` that is pinned is not among them.
        summary: what it is shown in place of the messages before `first_seen`; "" is nothing.
    """

    first_seen: MessageId | None = None
    dropped: frozenset[MessageId] = frozenset()
    summary: str = ""
