"""From a `Prompt` to the tokens that the model reads: rendered, tokenized, and made to fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from llamadesk.core.chat import MessageId
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.protocol import Prompt
from llamadesk.engine.history import Fragment, History, ids_of
from llamadesk.engine.prompt import ChatWriter

MIN_REPLY_TOKENS: Final = 8
"""A prompt that leaves less room than this is too long: the reply would be cut off at once."""


@dataclass(frozen=True, slots=True)
class FittedPrompt:
    """A prompt that fits. `dropped`: the messages that had to be left out for that, oldest first."""

    fragments: list[Fragment]
    ids: list[int]
    dropped: list[MessageId]


class Prompter:
    """Makes prompts for one model. May be used from several threads, one at a time."""

    def __init__(self, writer: ChatWriter, n_ctx: int) -> None:
        """`n_ctx`: tokens that the context holds."""
        self._writer = writer
        self._n_ctx = n_ctx

    def fit(self, prompt: Prompt, history: History) -> FittedPrompt:
        """The tokens of a prompt, with what `history` knows of its replies.

        Raises:
            ProblemError: TEMPLATE_FAILED, or PROMPT_TOO_LONG.
        """
        fragments = history.fragments(self._writer.write(prompt.turns))
        ids = ids_of(fragments)
        if len(ids) > self._n_ctx - MIN_REPLY_TOKENS:
            raise ProblemError(_too_long(len(ids), self._n_ctx))
        return FittedPrompt(fragments, ids, [])


def _too_long(n_tokens: int, n_ctx: int) -> Problem:
    return Problem(
        ProblemCode.PROMPT_TOO_LONG,
        f"This chat is {n_tokens:,} tokens long, but the model can keep {n_ctx:,} in mind.",
        "Choose a longer context length in the settings, or start a new chat. Nothing of this one is lost.",
    )
