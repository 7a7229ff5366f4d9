"""Thoughts: what some models write before their answer, between tags that are never shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class ThoughtTags:
    """What a thought stands between. Neither has white space at its ends."""

    opening: str
    closing: str


_THINK: Final = ThoughtTags("<think>", "</think>")
_KNOWN: Final = (
    _THINK,
    ThoughtTags("[THINK]", "[/THINK]"),
    ThoughtTags("<thought>", "</thought>"),
    ThoughtTags("<seed:think>", "</seed:think>"),
    ThoughtTags("<|START_THINKING|>", "<|END_THINKING|>"),
    ThoughtTags("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
)
_ANCHOR: Final = "\n"
_TAIL_TOKENS: Final = 24
"""As many tokens as an opening tag at the end of a prompt can have, and the white space after it."""


def tags_of(template: str) -> ThoughtTags | None:
    """The tags that a chat template knows, or None."""
    return next((tags for tags in _KNOWN if tags.opening in template or tags.closing in template), None)


def thinks(template: str) -> bool:
    """Whether a chat template knows thoughts apart from the answer."""
    return tags_of(template) is not None


class Tokenizes(Protocol):
    """The part of `llamadesk.engine.native.Vocab` that is needed here."""

    def tokenize(self, text: str, *, parse_special: bool = False) -> list[int]: ...  # noqa: D102
    def piece(self, token: int) -> bytes: ...  # noqa: D102
    def text_of(self, token: int) -> str: ...  # noqa: D102


class ThoughtFormat:
    """How a model's thoughts are told apart. One that nothing is known of may still write `<think>` of itself."""

    def __init__(self, template: str, vocab: Tokenizes) -> None:
        tags = tags_of(template)
        self.expected = tags is not None
        """Whether the model is known to think."""
        self.tags = tags or _THINK
        self._vocab = vocab
        self.names = self._control_names()
        """What stands for the control tokens that belong to a tag, in UTF-8: in a reply they are no text otherwise."""

    @property
    def opening_ids(self) -> list[int]:
        """The tokens that begin a thought."""
        return self._ids_of(f"{self.tags.opening}\n")

    @property
    def closing_ids(self) -> list[int]:
        """The tokens that end a thought."""
        return self._ids_of(f"\n{self.tags.closing}\n\n")

    @property
    def empty_ids(self) -> list[int]:
        """The tokens of a thought without a word."""
        return self.opening_ids + self.closing_ids

    def is_opened_by(self, prompt: Sequence[int]) -> bool:
        """Whether a prompt ends in a tag that opens a thought: many formats let the model begin there."""
        if not self.expected:
            return False
        tail = b"".join(self.names.get(token) or self._vocab.piece(token) for token in prompt[-_TAIL_TOKENS:])
        return tail.rstrip().endswith(self.tags.opening.encode())

    def _control_names(self) -> dict[int, bytes]:
        names = {}
        for token in self._ids_of(self.tags.opening) + self._ids_of(self.tags.closing):
            if not self._vocab.piece(token):
                names[token] = self._vocab.text_of(token).encode()
        return names

    def _ids_of(self, text: str) -> list[int]:
        """Tokens within a text: where the vocabulary puts a space before a text, none is put here."""
        anchor = self._vocab.tokenize(_ANCHOR)
        ids = self._vocab.tokenize(_ANCHOR + text, parse_special=True)
        return ids[len(anchor) :] if ids[: len(anchor)] == anchor else self._vocab.tokenize(text, parse_special=True)


class Stage(Enum):
    """Where a reply is."""

    UNDECIDED = "undecided"  # nothing but what an opening tag may begin with
    THOUGHT = "thought"
    ANSWER = "answer"


class Parted(NamedTuple):
    """Text that may be shown now."""

    thought: str
    answer: str


class ThoughtReader:
    """Parts the text of a reply into thought and answer, as it comes. White space around the thought is dropped."""

    def __init__(self, tags: ThoughtTags, stage: Stage, *, begun: bool = False) -> None:
        """`stage`: where the reply begins; `begun`: something of that stage stands before it."""
        self.stage = stage
        self.has_thought = stage is Stage.THOUGHT
        """Whether there was a thought, be it without a word."""
        self._tags = tags
        self._held = ""
        # Whether white space that comes next is dropped.
        self._strip = stage is Stage.THOUGHT and not begun

    def feed(self, text: str) -> Parted:
        """More text; what cannot be told yet is held back."""
        text = self._held + text
        self._held = thought = ""
        if self.stage is Stage.UNDECIDED:
            text = self._decide(text)
        if self.stage is Stage.THOUGHT:
            thought, text = self._think(text)
        return Parted(thought, self._answer(text) if self.stage is Stage.ANSWER else "")

    def flush(self) -> Parted:
        """What was held back, at the end of the reply."""
        held, self._held = self._held, ""
        if self.stage is Stage.THOUGHT:
            return Parted(held.rstrip(), "")
        return Parted("", held)

    def _decide(self, text: str) -> str:
        """Whether the reply opens a thought; returns what comes after that, or the whole answer."""
        begun, opening = text.lstrip(), self._tags.opening
        if begun.startswith(opening):
            self.stage, self._strip, self.has_thought = Stage.THOUGHT, True, True
            return begun.removeprefix(opening)
        if opening.startswith(begun):
            self._held = text
            return ""
        self.stage = Stage.ANSWER
        return text

    def _think(self, text: str) -> Parted:
        """What there is of the thought, and what comes after its closing tag."""
        if self._strip:
            text = text.lstrip()
            self._strip = not text
        thought, tag, answer = text.partition(self._tags.closing)
        if tag:
            self.stage, self._strip = Stage.ANSWER, True
            return Parted(thought.rstrip(), answer)
        keep = _undecided_length(text, self._tags.closing)
        self._held = text[len(text) - keep :]
        return Parted(text[: len(text) - keep], "")

    def _answer(self, text: str) -> str:
        if self._strip:
            text = text.lstrip()
            self._strip = not text
        return text


def _undecided_length(text: str, closing: str) -> int:
    """Length of the end of a text that may be the white space before a closing tag, and its beginning."""
    body = len(text.rstrip())
    for start in range(max(0, len(text) - len(closing) + 1), len(text)):
        if closing.startswith(text[start:]):
            body = min(body, len(text[:start].rstrip()))
            break
    return len(text) - body
