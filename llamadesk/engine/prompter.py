"""From a `Prompt` to the tokens that the model reads: rendered, tokenized, and made to fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from llamadesk.core.chat import MessageId, Mode, Overflow, Role
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.prompt import exchanges, with_question, without_oldest
from llamadesk.core.protocol import Prompt, PromptPiece, Turn
from llamadesk.engine.history import Fragment, History, ids_of
from llamadesk.engine.prompt import ChatWriter
from llamadesk.engine.rolling import Rolling
from llamadesk.engine.writing import FragmentWriter, pieces_of

MIN_REPLY_TOKENS: Final = 8
"""A prompt that leaves less room than this is too long: the reply would be cut off at once."""
_BORDERS: Final = ("\n\n", "\n", " ")
_BORDER_CHARS: Final = 400
"""A text that is too long is cut at a paragraph, a line or a word, if one begins so near."""


@dataclass(frozen=True, slots=True)
class FittedPrompt:
    """A prompt that fits. `dropped`: the messages that had to be left out for that, oldest first."""

    fragments: list[Fragment]
    ids: list[int]
    dropped: list[MessageId]


@dataclass(frozen=True, slots=True)
class PromptSize:
    """Tokens of a prompt by where they come from, what the chat format adds among the history's. `dropped`: the
    messages that had to be left out, and are not counted."""

    n_system: int
    n_history: int
    n_draft: int
    dropped: list[MessageId]


@dataclass(frozen=True, slots=True)
class _Draft:
    """A prompt as it would be, whether it fits or not. `n_out` exchanges (in TEXT: characters) were left out."""

    turns: list[Turn]
    fragments: list[Fragment]
    n_tokens: int
    dropped: list[MessageId]
    n_out: int = 0


class Prompter:
    """Makes prompts for one model and one size of the context. May be used from several threads."""

    def __init__(self, writer: ChatWriter, n_ctx: int) -> None:
        """`n_ctx`: tokens that the context holds."""
        self._writer = FragmentWriter(writer)
        self._tokenizer = writer.tokenizer
        self._n_ctx = n_ctx
        self._rolling = Rolling(self._tokenizer.count, self._writer.format_tokens, n_ctx)
        self._cuts: dict[tuple[str, MessageId], int] = {}

    def fit(self, prompt: Prompt, history: History, reply_ids: Sequence[int] = ()) -> FittedPrompt:
        """The tokens of a prompt, with what `history` knows of its replies.

        `reply_ids`: of the reply to it as far as it is written, where the context is full of both by now. At least one
        more turn is dropped then, and room for these is left behind the prompt; they are not part of it.

        Raises:
            ProblemError: TEMPLATE_FAILED, or PROMPT_TOO_LONG.
        """
        if prompt.overflow is Overflow.ROLL:
            draft = self._rolled(prompt, history)
            if reply_ids:
                draft = self._rolled(prompt, history, len(reply_ids), draft)
        elif self._rolling.is_far_too_long(prompt.turns):
            raise ProblemError(_too_long(self._rolling.size(prompt.turns), self._n_ctx))
        else:
            draft = self._whole(prompt, history)
        n_tokens = draft.n_tokens + len(reply_ids)
        if n_tokens > self._n_ctx - MIN_REPLY_TOKENS:
            raise ProblemError(self._cannot_fit(prompt, draft, n_tokens))
        if prompt.overflow is Overflow.ROLL:
            self._remember(prompt, draft)
        return FittedPrompt(draft.fragments, ids_of(draft.fragments), draft.dropped)

    def measure(self, prompt: Prompt, question: str, history: History) -> PromptSize:
        """How large `fit` would make the prompt with `question` as the person's next turn ("" is none). It need not
        fit.

        Raises:
            ProblemError: TEMPLATE_FAILED.
        """
        turns = with_question(prompt.turns, question) if question.strip() else prompt.turns
        n_system = self._n_system(prompt)
        if not exchanges(turns):
            return PromptSize(n_system, 0, 0, [])
        asked = Prompt(turns, prompt.mode, prompt.overflow, prompt.continues and turns is prompt.turns, prompt.chat)
        if prompt.overflow is not Overflow.ROLL and self._rolling.is_far_too_long(turns):
            n_question = self._rolling.size([Turn(Role.USER, question)]) if turns is not prompt.turns else 0
            return PromptSize(n_system, self._rolling.size(turns) - n_system - n_question, n_question, [])
        draft = self._rolled(asked, history) if prompt.overflow is Overflow.ROLL else self._whole(asked, history)
        n_system = min(n_system, draft.n_tokens)
        n_rest = draft.n_tokens - n_system
        if turns is prompt.turns:
            return PromptSize(n_system, n_rest, 0, draft.dropped)
        n_question = n_rest - self._n_before(prompt, draft, question, history, n_system)
        return PromptSize(n_system, n_rest - n_question, n_question, draft.dropped)

    def pieces(self, prompt: Prompt, history: History) -> tuple[list[PromptPiece], list[MessageId]]:
        """The prompt as the model would read it, and the messages that do not fit. It is shown whole where nothing may
        be dropped.

        Raises:
            ProblemError: TEMPLATE_FAILED.
        """
        if not exchanges(prompt.turns):
            return self._system_alone(prompt, history), []
        draft = self._rolled(prompt, history) if prompt.overflow is Overflow.ROLL else self._whole(prompt, history)
        return pieces_of(ids_of(draft.fragments), self._tokenizer), draft.dropped

    def _system_alone(self, prompt: Prompt, history: History) -> list[PromptPiece]:
        """The pieces of a chat that has not begun; none where the template wants a question."""
        if not prompt.turns or prompt.mode is Mode.TEXT:
            return []
        try:
            return pieces_of(ids_of(self._whole(prompt, history).fragments), self._tokenizer)
        except ProblemError:
            return []

    # --- Making it fit ---

    def _rolled(self, prompt: Prompt, history: History, n_reply: int = 0, full: _Draft | None = None) -> _Draft:
        """The prompt without as much of its beginning as must go. `full`: how it was when it and `n_reply` tokens had
        filled the context."""
        if prompt.mode is Mode.TEXT:
            return self._rolled_text(prompt, history, n_reply, full)
        rolling, turns = self._rolling, prompt.turns
        if full is None:
            n_out, room = rolling.first_guess(prompt.chat, turns), rolling.room
            draft = self._without(prompt, n_out, history)
        else:
            draft, n_out, room = full, full.n_out, rolling.target
        while draft.n_tokens + n_reply > room or draft is full:
            n_over = draft.n_tokens + n_reply - rolling.target
            more = rolling.more(turns, n_out, n_over)
            if more == n_out:
                break
            n_out = more
            draft = self._without(prompt, n_out, history)
        return draft

    def _rolled_text(self, prompt: Prompt, history: History, n_reply: int, full: _Draft | None) -> _Draft:
        """The end of a text that is too long, from the beginning of a paragraph, a line or a word."""
        text = "".join(turn.content for turn in _text_turns(prompt))
        room = self._rolling.room if full is None else self._rolling.target
        n_out = self._cuts.get(_cut_key(prompt), 0) if full is None else full.n_out
        draft = full or self._without(prompt, n_out if n_out < len(text) else 0, history)
        while draft.n_tokens + n_reply > room and draft.n_out < len(text):
            n_over = draft.n_tokens + n_reply - self._rolling.target
            n_chars = math.ceil(n_over * (len(text) - draft.n_out) / max(draft.n_tokens, 1))
            draft = self._without(prompt, _after_border(text, draft.n_out + n_chars), history)
        return draft

    def _cannot_fit(self, prompt: Prompt, draft: _Draft, n_tokens: int) -> Problem:
        if prompt.overflow is not Overflow.ROLL or prompt.mode is not Mode.CHAT:
            return _too_long(n_tokens, self._n_ctx)
        pinned = any(turn.pinned for turn in draft.turns[:-1])
        return _too_long_even_so(n_tokens, self._n_ctx, pinned=pinned)

    def _remember(self, prompt: Prompt, draft: _Draft) -> None:
        if prompt.mode is not Mode.TEXT:
            self._rolling.remember(prompt.chat, prompt.turns, draft.n_out)
        elif draft.n_out:
            self._cuts[_cut_key(prompt)] = draft.n_out

    def _n_before(self, prompt: Prompt, draft: _Draft, question: str, history: History, n_system: int) -> int:
        """Tokens of the history that a prompt which was drawn up with a question has before it."""
        if prompt.mode is Mode.TEXT:
            return min(self._whole(prompt, history).n_tokens, draft.n_tokens) if exchanges(prompt.turns) else 0
        last = draft.turns[-1]
        before = draft.turns[:-1]
        if last.content != question:  # joined with the one before, to which there is no reply
            before.append(Turn(last.role, last.content.removesuffix(f"\n\n{question}"), last.message_id))
        if not exchanges(before):
            return 0
        n_before = sum(len(fragment.ids) for fragment in self._writer.chat(before, history))
        return max(0, min(n_before, draft.n_tokens) - n_system)

    def _n_system(self, prompt: Prompt) -> int:
        if prompt.mode is Mode.TEXT or not prompt.turns or prompt.turns[0].role is not Role.SYSTEM:
            return 0
        return self._tokenizer.count(prompt.turns[0].content)

    # --- Writing it ---

    def _whole(self, prompt: Prompt, history: History) -> _Draft:
        return self._without(prompt, 0, history)

    def _without(self, prompt: Prompt, n_out: int, history: History) -> _Draft:
        """The prompt without so many of its oldest exchanges, or in TEXT, characters."""
        if prompt.mode is Mode.TEXT:
            turns = _text_turns(prompt)
            dropped = [message_id for turn in turns for message_id in turn.message_ids] if n_out else []
            fragments = self._writer.text(turns, n_out, history)
        else:
            turns, dropped = without_oldest(prompt.turns, n_out)
            continued = turns.pop() if prompt.continues and turns[-1].role is Role.ASSISTANT else None
            fragments = self._writer.chat(turns, history, continued)
        return _Draft(turns, fragments, sum(len(fragment.ids) for fragment in fragments), dropped, n_out)


def _text_turns(prompt: Prompt) -> list[Turn]:
    """What a prompt in TEXT mode goes on with: a text, and what was written to it so far."""
    n_turns = 2 if prompt.continues else 1
    return [turn for turn in prompt.turns if turn.role is not Role.SYSTEM][-n_turns:]


def _cut_key(prompt: Prompt) -> tuple[str, MessageId]:
    return prompt.chat, next((turn.message_id for turn in _text_turns(prompt)), MessageId(0))


def _after_border(text: str, position: int) -> int:
    """Where the next paragraph begins, or else the next line or word; `position` where none does soon."""
    for border in _BORDERS:
        found = text.find(border, position, position + _BORDER_CHARS)
        if found >= 0:
            return found + len(border)
    return min(position, len(text))


def _too_long(n_tokens: int, n_ctx: int) -> Problem:
    return Problem(
        ProblemCode.PROMPT_TOO_LONG,
        f"This chat is {n_tokens:,} tokens long, but the model can keep {n_ctx:,} in mind.",
        "Let the oldest messages be forgotten or summarised (Chat options), choose a longer context length in the "
        "settings, or start a new chat. Nothing of this one is lost.",
    )


def _too_long_even_so(n_tokens: int, n_ctx: int, *, pinned: bool) -> Problem:
    """Also without everything that may be forgotten."""
    what, unpin = (" and the pinned messages", "Unpin messages, shorten") if pinned else ("", "Shorten")
    return Problem(
        ProblemCode.PROMPT_TOO_LONG,
        f"Your message with the system prompt{what} is {n_tokens:,} tokens long, "
        f"but the model can keep {n_ctx:,} in mind.",
        f"{unpin} your message or the system prompt, or choose a longer context length in the settings.",
    )
