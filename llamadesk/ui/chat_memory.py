"""Ties the transcript to what the model sees of the chat: its memory, pins, the reply it could go on with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from llamadesk.ui.summary_dialog import SummaryDialog
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.transcript.memory import Memory

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk
    from llamadesk.ui.transcript.view import TranscriptView


class ChatMemory(QObject):
    """Shows in a transcript what the desk knows of the model's memory, and passes on what is asked for there."""

    def __init__(self, desk: Desk, theme: ThemeManager, view: TranscriptView) -> None:
        super().__init__(view)
        self._desk = desk
        self._theme = theme
        self._view = view
        area = view.area
        area.pin_asked.connect(desk.chats.set_pinned)
        area.continue_asked.connect(desk.replies.continue_reply)
        area.summary_edit_asked.connect(self._edit_summary)
        desk.context_state.changed.connect(self._show_memory)
        for changed in (desk.replies.busy_changed, desk.replies.can_send_changed):
            changed.connect(self._show_continuable)
        for signal in ("modelReset", "rowsInserted", "dataChanged"):
            getattr(desk.transcript, signal).connect(self._show_continuable)
        self._show_memory()
        self._show_continuable()

    def _show_memory(self) -> None:
        context = self._desk.context_state
        self._view.set_memory(Memory(context.first_seen, context.dropped, context.summary))

    def _show_continuable(self) -> None:
        transcript = self._desk.transcript
        last = transcript.message(transcript.rowCount() - 1) if transcript.rowCount() else None
        can = last is not None and self._desk.replies.can_continue(last)
        self._view.set_continuable(last.id if last is not None and can else None)

    def _edit_summary(self) -> None:
        dialog = SummaryDialog(self._desk.context_state.summary, self._theme, self._view.window())
        dialog.saved.connect(self._desk.context.set_summary)
        dialog.open()
