"""Which turns of a conversation a model is shown, and which go first when they do not all fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llamadesk.core.chat import Message, MessageId, Mode, Role
from llamadesk.core.protocol import Turn
from llamadesk.core.summary import introduced

_MAX_RESERVE = 512


def prompt_room(n_ctx: int) -> int:
    """Tokens that a prompt may take of a context of `n_ctx`, so that a reply of ordinary length fits behind it."""
    return n_ctx - min(_MAX_RESERVE, n_ctx // 4)


def rolled_room(n_ctx: int) -> int:
    """Tokens that are left of a chat once its oldest turns are dropped: fewer than would fit, so that the next turns
    need not drop others again, for what follows a dropped turn has to be moved or read again."""
    return min(3 * n_ctx // 4, prompt_room(n_ctx) - n_ctx // 8)


# --- From messages to turns -----------------------------------------------------------------------------------------


def turns_for(
    messages: Sequence[Message],
    system_prompt: str,
    *,
    mode: Mode = Mode.CHAT,
    summary: str = "",
    summarised_to: MessageId | None = None,
    continues: bool = False,
) -> list[Turn]:
    """The turns of a chat, in order, as a chat template expects them: a system turn first, if there is a system prompt,
    then the person and the model in turn.

    A reply without text is left out, and turns of the same speaker that come to stand side by side (because a reply
    failed) are joined by a blank line: many templates refuse anything but strict alternation.

    Args:
        messages: from the first one to the one that is to be answered, or the reply that goes on.
        system_prompt: may be empty.
        mode: in QUESTION only the last message of the person counts. In TEXT all of them with their replies are one
            text, in one turn, without a system turn; a reply that goes on is a turn of its own behind it.
        summary: of the messages up to `summarised_to`, which are left out where they are not pinned. It is not used
            where that message is none of these.
        summarised_to: see `summary`.
        continues: the last message is a reply that is gone on with: it counts without a text, too, and brings its
            thought.
    """
    if mode is Mode.TEXT:
        return _text_turns(messages, continues=continues)
    if mode is Mode.QUESTION:
        messages = _last_exchange(messages)
    n_summarised = next((n for n, message in enumerate(messages, 1) if message.id == summarised_to), 0)
    use_summary = bool(summary.strip()) and n_summarised > 0 and mode is Mode.CHAT
    turns: list[Turn] = []
    system_text = introduced(system_prompt, summary) if use_summary else system_prompt
    if system_text.strip():
        turns.append(Turn(Role.SYSTEM, system_text))
    for number, message in enumerate(messages, 1):
        if continues and number == len(messages):
            _append(turns, Turn(message.role, message.content, message.id, message.pinned, thought=message.thought))
        elif message.content.strip():
            _append(turns, Turn(message.role, message.content, message.id, message.pinned))
    if use_summary:
        known = frozenset(message.id for message in messages[:n_summarised])
        n_exchanges = sum(all(known.issuperset(turn.message_ids) for turn in exchange) for exchange in exchanges(turns))
        turns, _ = without_oldest(turns, n_exchanges)
    return turns


def _text_turns(messages: Sequence[Message], *, continues: bool) -> list[Turn]:
    """The text that messages make: what the model wrote goes on where the person's text ends, and what the person
    writes then begins a paragraph."""
    turns: list[Turn] = []
    for message in messages:
        if turns and message.role is Role.ASSISTANT:
            last = turns[-1]
            ids = (*last.joined, message.id)
            turns[-1] = Turn(Role.USER, last.content + message.content, last.message_id, last.pinned, ids)
        elif message.content.strip():
            _append(turns, Turn(Role.USER, message.content, message.id, message.pinned))
    if continues and messages and messages[-1].role is Role.ASSISTANT and len(messages) > 1:
        reply = messages[-1]
        head = _text_turns(messages[:-1], continues=False)
        return [*head, Turn(reply.role, reply.content, reply.id, reply.pinned, thought=reply.thought)]
    return turns


def with_question(turns: Sequence[Turn], text: str) -> list[Turn]:
    """The turns and what the person says next, which is no message yet."""
    asked = list(turns)
    _append(asked, Turn(Role.USER, text))
    return asked


def _append(turns: list[Turn], turn: Turn) -> None:
    """Add a turn at the end; where the same speaker goes on, it becomes one with the last."""
    if not turns or turns[-1].role is not turn.role:
        turns.append(turn)
        return
    last = turns[-1]
    first, *others = (*last.message_ids, *turn.message_ids) or (MessageId(0),)
    turns[-1] = Turn(turn.role, f"{last.content}\n\n{turn.content}", first, last.pinned or turn.pinned, tuple(others))


def _last_exchange(messages: Sequence[Message]) -> Sequence[Message]:
    """The last message, and where that is a reply, the question before it as well."""
    n_last = 2 if messages and messages[-1].role is Role.ASSISTANT else 1
    return messages[-n_last:]


# --- What goes first ------------------------------------------------------------------------------------------------


def exchanges(turns: Sequence[Turn]) -> list[list[Turn]]:
    """The turns after the system turn, as a person's turn each with the reply to it."""
    found: list[list[Turn]] = []
    for turn in turns:
        if turn.role is Role.SYSTEM:
            continue
        if turn.role is Role.USER or not found:
            found.append([])
        found[-1].append(turn)
    return found


def n_staying(exchange: Sequence[Turn]) -> int:
    """How many turns of an exchange stay when it is dropped: a pinned one does, and so does the question to it."""
    return max((number for number, turn in enumerate(exchange, 1) if turn.pinned), default=0)


def without_oldest(turns: Sequence[Turn], n_exchanges: int) -> tuple[list[Turn], list[MessageId]]:
    """The turns without so many of the oldest exchanges, and the messages that are gone with them, oldest first.

    The system turn, what is pinned and the last exchange always stay.
    """
    parts = exchanges(turns)
    n_dropped = min(n_exchanges, len(parts) - 1)
    kept = [turn for turn in turns[:1] if turn.role is Role.SYSTEM]
    dropped: list[MessageId] = []
    for number, exchange in enumerate(parts):
        stays = len(exchange) if number >= n_dropped else n_staying(exchange)
        for turn in exchange[:stays]:
            _append(kept, turn)
        for turn in exchange[stays:]:
            dropped += turn.message_ids
    return kept, dropped


def n_rolled_out(sizes: Iterable[tuple[int, int]], fixed: int, room: int, target: int) -> int:
    """How many of the oldest exchanges are dropped by now, where they came one after the other, and at each one that
    did not fit so many were dropped that what was left fitted into `target`.

    One more exchange mostly changes nothing, and nothing else does. So the same turns are dropped again after a
    restart, and what the model has read of the others can be used.

    Args:
        sizes: of each exchange in tokens: what a drop frees, and what stays of it even then.
        fixed: tokens of what is not in them.
        room: what fits.
        target: less than that.
    """
    n_dropped, total = 0, fixed
    frees: list[int] = []
    for frees_now, stays in sizes:
        frees.append(frees_now)
        total += frees_now + stays
        if total > room:
            while total > target and n_dropped < len(frees) - 1:
                total -= frees[n_dropped]
                n_dropped += 1
    return n_dropped
