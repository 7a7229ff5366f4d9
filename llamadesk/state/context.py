"""How much of what the model can keep in mind the chat on screen fills, and where its memory begins."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QObject, Signal

from llamadesk.core.chat import MessageId


class ContextUse(msgspec.Struct, frozen=True):
    """One moment of the context.

    Attributes:
        n_system, n_history, n_draft: tokens of the system prompt, of the chat, and of what is being typed.
        n_ctx: tokens that there is room for; 0 where nothing is known.
        first_seen: the first message of the chat on screen from which on the model sees all; None where it sees every
            one.
        summary: of what stands before that; "" where there is none.
        summarising: the model is writing the summary.
        dropped: the messages that the model does not see.
    """

    n_system: int = 0
    n_history: int = 0
    n_draft: int = 0
    n_ctx: int = 0
    first_seen: MessageId | None = None
    summary: str = ""
    summarising: bool = False
    dropped: frozenset[MessageId] = frozenset()


class ContextState(QObject):
    """What is known of the context; each value as in `ContextUse`."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._use = ContextUse()

    @property
    def use(self) -> ContextUse:
        """All values of now."""
        return self._use

    @property
    def n_system(self) -> int:
        """Tokens of the system prompt."""
        return self._use.n_system

    @property
    def n_history(self) -> int:
        """Tokens of the chat, with what the chat format adds."""
        return self._use.n_history

    @property
    def n_draft(self) -> int:
        """Tokens of what is being typed."""
        return self._use.n_draft

    @property
    def n_ctx(self) -> int:
        """Tokens that there is room for; 0 where nothing is known."""
        return self._use.n_ctx

    @property
    def first_seen(self) -> MessageId | None:
        """The message with which the model's memory begins; None where it sees the whole chat."""
        return self._use.first_seen

    @property
    def summary(self) -> str:
        """The summary of what stands before `first_seen`, or ""."""
        return self._use.summary

    @property
    def summarising(self) -> bool:
        """Whether the model is writing the summary."""
        return self._use.summarising

    @property
    def dropped(self) -> frozenset[MessageId]:
        """The messages that the model does not see."""
        return self._use.dropped

    def show(self, use: ContextUse) -> None:
        """Something is other than before."""
        if use != self._use:
            self._use = use
            self.changed.emit()
