"""Turns to fragments: in the chat format of a model or without one, and where a reply goes on from its end."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Final

from llamadesk.core.chat import Role
from llamadesk.core.errors import ProblemError
from llamadesk.core.protocol import PromptPiece, Turn
from llamadesk.engine.history import Fragment, History, Kind, ids_of
from llamadesk.engine.prompt import ChatWriter
from llamadesk.engine.rolling import FormatTokens
from llamadesk.engine.thinking import ThoughtFormat
from llamadesk.engine.tokens import Tokenizer

_WORD: Final = "a"
_USUAL_FORMAT: Final = FormatTokens(4, 6)


class FragmentWriter:
    """Writes prompts of one model, with what a history knows of their tokens. May be used from several threads."""

    def __init__(self, writer: ChatWriter) -> None:
        self._writer = writer
        self._tokenizer = writer.tokenizer
        self._thoughts = ThoughtFormat(writer.template, writer.tokenizer.vocab)

    def chat(self, turns: Sequence[Turn], history: History, continued: Turn | None = None) -> list[Fragment]:
        """Turns in the chat format, up to where the reply begins; with `continued`, up to where that goes on.

        Raises:
            ProblemError: TEMPLATE_FAILED.
        """
        head = self._writer.write(turns)
        before = history.fragments(head)
        if continued is None:
            return before
        opened = self._thoughts.is_opened_by(ids_of(before))
        if opened or continued.thought:
            return [*before, Fragment(Kind.REST, "", self._thinking_on(continued, opened=opened))]
        return self._going_on(head, continued.content, history)

    def _thinking_on(self, continued: Turn, *, opened: bool) -> tuple[int, ...]:
        """The tokens of a thought, and of the answer where that had begun, as the model writes them. `opened`: they
        stand behind the tag that opens a thought."""
        thoughts, plain = self._thoughts, self._tokenizer.plain
        ids = [] if opened else thoughts.opening_ids
        ids += plain(continued.thought, continues=True)
        if continued.content or not continued.thought:
            ids += [*thoughts.closing_ids, *plain(continued.content, continues=True)]
        return tuple(ids)

    def text(self, turns: Sequence[Turn], n_out: int, history: History) -> list[Fragment]:
        """A text without any format, and what was written to it so far, without so many characters of its beginning."""
        head, reply = ("".join(turn.content for turn in part) for part in (turns[:1], turns[1:]))
        guarded = self._tokenizer.guard(head[n_out:])
        reply = reply[max(0, n_out - len(head)) :]
        return self._going_on(guarded, reply, history) if reply else history.fragments(guarded)

    def _going_on(self, head: str, reply: str, history: History) -> list[Fragment]:
        """`head`, and a reply that goes on from its very end: the tokens that were generated, where they are known."""
        before = history.fragments(head)
        whole = history.fragments(head + self._tokenizer.guard(reply, generated=True))
        n_before = len(before)
        known = whole[:n_before] == before and [part.kind for part in whole[n_before : n_before + 1]] == [Kind.REPLY]
        if known:
            return whole
        return [*before, Fragment(Kind.REPLY, reply, self._tokenizer.plain(reply, continues=True))]

    def format_tokens(self) -> FormatTokens:
        """What the chat format adds, by two short chats."""
        n_word = self._tokenizer.count(_WORD)
        question, answer = Turn(Role.USER, _WORD), Turn(Role.ASSISTANT, _WORD)
        nothing = History(self._tokenizer, self._tokenizer.piece)
        try:
            short, long = (
                sum(len(fragment.ids) for fragment in self.chat(turns, nothing))
                for turns in ([question], [question, answer, question])
            )
        except ProblemError:
            return _USUAL_FORMAT
        turn = max(0, math.ceil((long - short - 2 * n_word) / 2))
        return FormatTokens(max(0, short - turn - n_word), turn)


def pieces_of(ids: Iterable[int], tokenizer: Tokenizer) -> list[PromptPiece]:
    """Tokens as text that can be read, control tokens by their names."""
    pieces: list[PromptPiece] = []
    for name, group in itertools.groupby(ids, tokenizer.control_name):
        tokens = list(group)
        if name is None:
            text = b"".join(map(tokenizer.piece, tokens)).decode(errors="replace")
            pieces.append(PromptPiece(text, is_control=False, n_tokens=len(tokens)))
        else:
            pieces += [PromptPiece(name, is_control=True, n_tokens=1)] * len(tokens)
    return pieces
