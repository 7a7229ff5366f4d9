"""What of a prompt is sure before it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from llamadesk.core.chat import MessageId
from llamadesk.core.errors import ProblemError
from llamadesk.core.prompt import with_question
from llamadesk.core.protocol import Prompt
from llamadesk.engine.history import History
from llamadesk.engine.prompter import Prompter
from llamadesk.engine.snapshots import common_length

_ENDINGS: Final = ("a", " 1.")
"""Two ways in which a text may go on. A token that is the same with both, the next key will hardly change; where it
does, it is read again."""


@dataclass(frozen=True, slots=True)
class PromptAhead:
    """The sure head of a prompt.

    Attributes:
        ids: its tokens.
        n_sent: how many of them are of messages that were sent.
        dropped: the messages that do not fit.
    """

    ids: list[int]
    n_sent: int
    dropped: list[MessageId]


def prompt_ahead(prompter: Prompter, prompt: Prompt, draft: str, history: History) -> PromptAhead:
    """The head of the prompt that a message to come will have, with as much of `draft` as is sure.

    Raises:
        ProblemError: TEMPLATE_FAILED or PROMPT_TOO_LONG.
    """
    sent, dropped = _sure(prompter, prompt, "", history)
    if draft.strip():
        try:
            # A draft that does not fit shall not decide what the chat drops: it may be deleted again.
            asked = prompt if dropped else msgspec.structs.replace(prompt, chat="")
            ids, dropped_for_draft = _sure(prompter, asked, draft, history)
        except ProblemError:
            return PromptAhead(sent, len(sent), dropped)
        if dropped_for_draft == dropped:
            return PromptAhead(ids, common_length(sent, ids), dropped)
    return PromptAhead(sent, len(sent), dropped)


def _sure(prompter: Prompter, prompt: Prompt, draft: str, history: History) -> tuple[list[int], list[MessageId]]:
    one, other = (
        prompter.fit(
            msgspec.structs.replace(prompt, turns=with_question(prompt.turns, draft + ending), continues=False), history
        )
        for ending in _ENDINGS
    )
    return one.ids[: common_length(one.ids, other.ids)], one.dropped
