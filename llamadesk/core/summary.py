"""The summary that takes the place of the oldest turns of a chat: how it is asked for, and how it is introduced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llamadesk.core.chat import Role
from llamadesk.core.protocol import Turn

_INTRODUCTION = "This is what was said earlier in this conversation, in short:"
_TASK = "You write short summaries of conversations."
_INSTRUCTION = (
    "Summarise this part of a conversation in a few sentences. Keep names, facts, numbers, wishes, decisions and open "
    "questions; leave out everything else. Write the summary alone."
)
SUMMARY_OF_CHAT = (
    "Before we go on: summarise our conversation so far in a few sentences, so that nothing important is lost. Keep "
    "names, facts, numbers, wishes, decisions and open questions. Write the summary alone."
)
"""Asked as the next message of a chat."""
_EARLIER = "Take over what is in the summary of the part before it:"
_SPEAKERS = {Role.USER: "User", Role.ASSISTANT: "Assistant"}


def introduced(system_prompt: str, summary: str) -> str:
    """The system text with a summary of what was said before."""
    return "\n\n".join(part for part in (system_prompt.strip(), f"{_INTRODUCTION}\n{summary.strip()}") if part)


def summary_question(text: str, earlier: str) -> list[Turn]:
    """What a model is asked for a summary of `text` (see `spoken`), with the summary of what came before ("" is
    none)."""
    parts = [_INSTRUCTION, f"{_EARLIER}\n{earlier.strip()}" if earlier.strip() else "", f"---\n{text.strip()}\n---"]
    return [Turn(Role.SYSTEM, _TASK), Turn(Role.USER, "\n\n".join(part for part in parts if part))]


def spoken(turns: Iterable[Turn]) -> str:
    """Turns as a text that says who speaks."""
    return "\n\n".join(f"{_SPEAKERS[turn.role]}: {turn.content.strip()}" for turn in turns if turn.role in _SPEAKERS)


def pieces_of(text: str, max_chars: int) -> Sequence[str]:
    """`text` in pieces of at most `max_chars`, cut between paragraphs, lines or words where that is possible."""
    pieces = []
    start = 0
    while len(text) - start > max_chars:
        end = start + max_chars
        for border in ("\n\n", "\n", " "):
            found = text.rfind(border, start + max_chars // 2, end)
            if found > 0:
                end = found + len(border)
                break
        pieces.append(text[start:end])
        start = end
    return [*pieces, text[start:]]
