"""Which exchanges of a chat are dropped where the context is full and rolls on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from llamadesk.core.chat import MessageId, Role
from llamadesk.core.prompt import exchanges, n_rolled_out, n_staying, prompt_room, rolled_room
from llamadesk.core.protocol import Turn

_CHARS_PER_TOKEN: Final = 8
"""No language needs so many on the average: a text that is longer than this says does not fit."""
_REMEMBERED_COUNTS: Final = 16_384


@dataclass(frozen=True, slots=True)
class FormatTokens:
    """What a chat format adds, in tokens: to a prompt as a whole, and to each turn."""

    prompt: int
    turn: int


class Rolling:
    """Decides by sizes that are nearly right; whoever asks looks whether it fits indeed, and asks for `more`.

    A chat keeps its drop for as long as it fits with it, for each other one changes the prompt at its head. May be used
    from several threads.
    """

    def __init__(self, count: Callable[[str], int], added: Callable[[], FormatTokens], n_ctx: int) -> None:
        """`count`: how many tokens a text makes. `added`: asked once. `n_ctx`: tokens that the context holds."""
        self.room = prompt_room(n_ctx)
        self.target = rolled_room(n_ctx)
        self._n_ctx = n_ctx
        self._added = cache(added)
        self._count = lru_cache(_REMEMBERED_COUNTS)(count)
        self._first_kept: dict[str, MessageId] = {}

    def size(self, turns: Sequence[Turn]) -> int:
        """Tokens of these turns, about."""
        each = self._added().turn
        return sum(self._count(turn.content) + each for turn in turns)

    def is_far_too_long(self, turns: Sequence[Turn]) -> bool:
        """Whether these turns need not even be written to see that they do not fit."""
        n_chars = sum(len(turn.content) for turn in turns)
        return n_chars > _CHARS_PER_TOKEN * self._n_ctx and self.size(turns) > 2 * self._n_ctx

    def first_guess(self, chat: str, turns: Sequence[Turn]) -> int:
        """How many exchanges to drop before anything is tried: those of last time, or more."""
        n_tokens = self._added().prompt + self.size(turns)
        if n_tokens <= self.target:
            return 0
        n_out = self._from_the_start(turns) if n_tokens > self.room else 0
        first_kept = self._first_kept.get(chat)
        if first_kept is not None:
            ids = [exchange[0].message_id for exchange in exchanges(turns)]
            if first_kept in ids:
                n_out = max(n_out, ids.index(first_kept))
        return n_out

    def _from_the_start(self, turns: Sequence[Turn]) -> int:
        """How many exchanges are dropped of a chat of which nothing is remembered."""
        parts = exchanges(turns)
        fixed = self._added().prompt + self.size([turn for turn in turns[:1] if turn.role is Role.SYSTEM])
        sizes = ((self.size(part[n_staying(part) :]), self.size(part[: n_staying(part)])) for part in parts)
        return min(n_rolled_out(sizes, fixed, self.room, self.target), len(parts) - 1)

    def more(self, turns: Sequence[Turn], n_dropped: int, n_over: int) -> int:
        """How many exchanges to drop where so many are dropped and `n_over` more tokens have to go; at least one more,
        as long as there are any."""
        parts = exchanges(turns)
        last = max(len(parts) - 1, 0)
        number = n_dropped
        while number < last and (n_over > 0 or number == n_dropped):
            n_over -= self.size(parts[number][n_staying(parts[number]) :])
            number += 1
        return number

    def remember(self, chat: str, turns: Sequence[Turn], n_dropped: int) -> None:
        """So many were dropped of this chat, and it fitted."""
        first_kept = exchanges(turns)[n_dropped][0].message_id if n_dropped else MessageId(0)
        if first_kept:
            self._first_kept[chat] = first_kept
        else:
            self._first_kept.pop(chat, None)
