"""How much of the model's context is in use: as a small bar, and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QWidget

from llamadesk.core.chat import Overflow
from llamadesk.state.engine import EngineStatus, Phase

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from llamadesk.state.context import ContextState
    from llamadesk.ui.theme import Colours

_NEARLY_FULL = 0.9
_WHEN_FULL = {
    Overflow.ROLL: "When it is full, the model forgets the oldest messages first.",
    Overflow.SUMMARISE: "When it is full, the oldest messages are summarised.",
    Overflow.STOP: "When it is full, LlamaDesk stops and asks you what to do.",
}


class Usage(msgspec.Struct, frozen=True):
    """What fills the context, in tokens; `n_ctx` is 0 where it is not known.

    Attributes:
        n_system: of the system prompt. n_history: of the chat so far. n_draft: of what is in the composer.
        n_ctx: of the whole context.
    """

    n_system: int = 0
    n_history: int = 0
    n_draft: int = 0
    n_ctx: int = 0

    @property
    def total(self) -> int:
        """Tokens in use."""
        return self.n_system + self.n_history + self.n_draft

    @property
    def share(self) -> float:
        """Of the context that is in use; more than 1 where it is too much."""
        return self.total / self.n_ctx if self.n_ctx else 0.0

    @property
    def nearly_full(self) -> bool:
        """Whether there is little room left, or none."""
        return self.share >= _NEARLY_FULL

    @property
    def too_long(self) -> bool:
        """Whether it does not fit."""
        return self.total > self.n_ctx > 0


def usage_of(status: EngineStatus, context: ContextState) -> Usage:
    """What fills the context now: what was measured, and while a reply is written what the engine counts."""
    measured = Usage(context.n_system, context.n_history, context.n_draft, context.n_ctx or status.n_ctx)
    if status.phase is Phase.GENERATING or (status.n_past > measured.total and status.busy) or not context.n_ctx:
        n_system = min(context.n_system, status.n_past)
        return Usage(n_system, status.n_past - n_system, 0, measured.n_ctx)
    return measured


def short_words(usage: Usage) -> str:
    """For the status line; "" where nothing is known."""
    if not usage.n_ctx:
        return ""
    words = f"{usage.total:,} of {usage.n_ctx:,} tokens"
    if usage.too_long:
        return f"{words}, too long"
    return f"{words}, nearly full" if usage.nearly_full else words


def plain_words(usage: Usage, overflow: Overflow, *, forgets: bool) -> str:
    """The same for someone who does not know what a token is.

    Args:
        usage: what fills the context.
        overflow: what happens when it is full.
        forgets: whether the model does not see the whole chat any more.
    """
    if not usage.n_ctx:
        return ""
    sentences = [
        f"This chat fills {usage.share * 100:.0f} % of what the model can keep in mind: {usage.total:,} of "
        f"{usage.n_ctx:,} tokens (pieces of words).",
        f"{usage.n_system:,} are instructions, {usage.n_history:,} the chat, {usage.n_draft:,} your message.",
    ]
    if forgets:
        sentences.append(
            "The model does not see the oldest messages any more. A line in the chat shows where it begins."
        )
    elif usage.too_long or usage.nearly_full:
        sentences.append(_WHEN_FULL[overflow])
    return "\n".join(sentences)


class ContextMeter(QWidget):
    """A thin bar in three tints: instructions, chat, message. Painted again only where a pixel of it changes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts: tuple[tuple[str, int], ...] = ()  # colour and right end in pixels
        self._ground = ""
        self._usage = Usage()

    def sizeHint(self) -> QSize:
        """Small."""
        return QSize(56, 4)

    def show_usage(self, usage: Usage, colours: Colours) -> None:
        """Show what fills the context."""
        self._usage = usage
        chat = colours.error if usage.too_long else colours.warning if usage.nearly_full else colours.accent
        ends, tokens = [], 0
        for n_tokens in (usage.n_system, usage.n_history, usage.n_draft):
            tokens += n_tokens
            ends.append(round(self.width() * min(1.0, tokens / usage.n_ctx)) if usage.n_ctx else 0)
        parts = tuple(zip((colours.text_faint, chat, colours.info), ends, strict=True))
        if (parts, colours.pressed) != (self._parts, self._ground):
            self._parts, self._ground = parts, colours.pressed
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The ground, and on it the longest part first."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        radius = self.height() / 2
        painter.setBrush(QColor(self._ground))
        painter.drawRoundedRect(QRectF(self.rect()), radius, radius)
        for colour, end in reversed(self._parts):
            painter.setBrush(QColor(colour))
            painter.drawRoundedRect(QRectF(0, 0, end, self.height()), radius, radius)
        painter.end()
