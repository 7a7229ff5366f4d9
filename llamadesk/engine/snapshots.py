"""Kept states of chats: what a model has computed for their tokens, so that it need not be computed again.

A snapshot is always of the first tokens of a prompt, in pieces (`native.States`). It is worth what its tokens are:
whoever uses it compares them, one by one, with those that are wanted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from llamadesk.core.chat import Mode
from llamadesk.core.fingerprint import fingerprint
from llamadesk.core.protocol import LoadSettings, Prompt
from llamadesk.engine.history import Fragment
from llamadesk.engine.native import Span, State

_FORMAT: Final = 1
"""Counts up when what is kept changes its form; snapshots of another one are not met any more."""
MIN_TOKENS: Final = 64
"""Fewer are as soon read again."""


class Piece(Protocol):
    """The states of the tokens of one span."""

    @property
    def span(self) -> Span: ...  # noqa: D102
    @property
    def n_bytes(self) -> int: ...  # noqa: D102
    def read(self) -> State | None:
        """The states; None where they are damaged or gone."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """States of the first tokens of a chat.

    Attributes:
        ids: the tokens.
        fragments: the prompt and the replies that they make, where that is known.
        pieces: their states, in order and without a gap.
    """

    ids: Sequence[int]
    fragments: Sequence[Fragment]
    pieces: Sequence[Piece]

    @property
    def n_bytes(self) -> int:
        """Bytes of all pieces."""
        return sum(piece.n_bytes for piece in self.pieces)

    def pieces_of(self, ids: Sequence[int]) -> list[Piece]:
        """The pieces that hold nothing but the first of these tokens."""
        same = common_length(self.ids, ids)
        return [piece for piece in self.pieces if piece.span[1] <= same]


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the snapshot of a chat is kept. A text that goes on without a chat format has one of its own."""

    chat: str
    mode: Mode = Mode.CHAT

    @property
    def is_kept(self) -> bool:
        """Whether it may be kept at all. A single question is none of a chat's history."""
        return bool(self.chat) and self.mode is not Mode.QUESTION


def slot_of(prompt: Prompt) -> Slot:
    """Where a prompt belongs."""
    return Slot(prompt.chat, prompt.mode)


def common_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two lists have in common at their heads."""
    shorter = min(len(one), len(other))
    if one[:shorter] == other[:shorter]:
        return shorter
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), shorter)


def snapshot_key(settings: LoadSettings, model_fingerprint: str, library_version: str) -> str:
    """Names everything that states depend on: a context of another key may refuse them, or worse, take them.

    Raises:
        OSError: an adapter cannot be read.
    """
    parts = [
        str(_FORMAT),
        library_version,
        model_fingerprint,
        *(f"{fingerprint(Path(adapter.path))} {adapter.scale}" for adapter in settings.adapters),
        settings.kv_type.value,
        "fused" if settings.flash_attention else "plain",
    ]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()
