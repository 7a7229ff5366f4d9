"""Which turns of a conversation a model is shown."""

from __future__ import annotations

from collections.abc import Iterable

from llamadesk.core.chat import Message, Role
from llamadesk.core.protocol import Turn


def turns_for(messages: Iterable[Message], system_prompt: str) -> list[Turn]:
    """The turns of a chat, in order, as a chat template expects them: a system turn first, if there is a system prompt,
    then the person and the model in turn.

    A reply without text is left out, and turns of the same speaker that come to stand side by side (because a reply
    failed) are joined by a blank line: many templates refuse anything but strict alternation.
    """
    turns: list[Turn] = []
    if system_prompt.strip():
        turns.append(Turn(Role.SYSTEM, system_prompt))
    for message in messages:
        if not message.content.strip():
            continue
        if turns and turns[-1].role is message.role:
            last = turns[-1]
            joined = f"{last.content}\n\n{message.content}"
            turns[-1] = Turn(message.role, joined, last.message_id, last.pinned or message.pinned)
        else:
            turns.append(Turn(message.role, message.content, message.id, message.pinned))
    return turns
