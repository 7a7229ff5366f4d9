"""The middle of the window: header, transcript or greeting, notices, composer, status line."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from llamadesk.ui.composer import Composer
from llamadesk.ui.empty_state import EmptyState
from llamadesk.ui.header import Header
from llamadesk.ui.notice_stack import NoticeStack
from llamadesk.ui.status_line import StatusLine
from llamadesk.ui.theme import ThemeManager

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent, QShowEvent

    from llamadesk.control.desk import Desk
    from llamadesk.core.protocol import PromptShown
    from llamadesk.ui.transcript.view import TranscriptView

_COLUMN = 812
_TRANSCRIPT_PARTS = ("documents", "look", "bars", "blocks.text", "blocks.code", "pool", "area", "view")
_TEXT_AFTER_MS, _PARTS_AFTER_MS, _PART_MS = 150, 400, 20


class ChatPage(QWidget):
    """One chat, and what is needed to go on with it."""

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent, False)
        # With their parent from the start: a widget that gets another one later has its style sheet worked out again.
        # The order is the one that screen readers read in.
        self.header = Header(desk, theme, self)
        self._middle = QStackedWidget(self)
        self._foot = QWidget(self)
        self.empty = EmptyState(desk, theme, self._middle)
        self._transcript: TranscriptView | None = None
        self.notices = NoticeStack(desk, theme, self._foot)
        self.composer = Composer(desk, theme, self._foot)
        self.status = StatusLine(desk, theme, self)
        self.empty.suggested.connect(self.composer.suggest)
        self.empty.chat_asked.connect(self.composer.setFocus)
        self._middle.addWidget(self.empty)
        foot = QVBoxLayout(self._foot)
        foot.setContentsMargins(0, 0, 0, 0)
        foot.setSpacing(0)
        foot.addWidget(self.notices)
        foot.addWidget(self.composer)
        centred = QHBoxLayout()
        centred.setContentsMargins(10, 0, 10, 0)
        centred.addStretch(1)
        centred.addWidget(self._foot, 1000)
        centred.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addWidget(self._middle, 1)
        layout.addLayout(centred)
        layout.addWidget(self.status)
        for signal in ("modelReset", "rowsInserted", "rowsRemoved"):
            getattr(desk.transcript, signal).connect(self._show_middle)
        desk.context.prompt_shown.connect(self._show_prompt)
        theme.changed.connect(self._dress)
        self._dress()
        self._show_middle()

    @property
    def transcript(self) -> TranscriptView:
        """Made when it is first needed, and soon after the window is up: with all that it imports (Markdown, the
        highlighter) it would double the time until there is a window."""
        if self._transcript is None:
            from llamadesk.ui.chat_memory import ChatMemory  # noqa: PLC0415
            from llamadesk.ui.transcript.view import TranscriptView  # noqa: PLC0415

            self._transcript = TranscriptView(self._desk.transcript, self._theme, self._middle)
            ChatMemory(self._desk, self._theme, self._transcript)
            self._middle.addWidget(self._transcript)
        return self._transcript

    def showEvent(self, event: QShowEvent) -> None:
        """Get the transcript ready once the first frame is painted, in pieces that do not hold up the window."""
        super().showEvent(event)
        QTimer.singleShot(_TEXT_AFTER_MS, self, _import_text)
        for number, name in enumerate(_TRANSCRIPT_PARTS):
            QTimer.singleShot(_PARTS_AFTER_MS + number * _PART_MS, self, lambda name=name: _import_part(name))
        whole = _PARTS_AFTER_MS + len(_TRANSCRIPT_PARTS) * _PART_MS
        QTimer.singleShot(whole, self, lambda: self.transcript)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The composer's share follows the height."""
        super().resizeEvent(event)
        self.composer.set_room(event.size().height())

    def _show_middle(self) -> None:
        self._middle.setCurrentWidget(self.transcript if self._desk.transcript.rowCount() else self.empty)

    def _show_prompt(self, shown: PromptShown) -> None:
        from llamadesk.ui.prompt_dialog import PromptDialog  # noqa: PLC0415 - hardly ever needed

        dialog = self.findChild(PromptDialog) or PromptDialog(self._theme, self)
        dialog.show_prompt(shown, self._desk.transcript)
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()

    def _dress(self) -> None:
        self._foot.setMaximumWidth(self._theme.px(_COLUMN))
        self.composer.set_room(self.height())


def _import_text() -> None:
    """Import, on a thread, what is the slowest part of the transcript; it has nothing of Qt."""

    def work() -> None:
        for module in ("llamadesk.core.markdown", "llamadesk.core.highlight"):
            import_module(module)

    threading.Thread(target=work, name="imports", daemon=True).start()


def _import_part(name: str) -> None:
    import_module(f"llamadesk.ui.transcript.{name}")
