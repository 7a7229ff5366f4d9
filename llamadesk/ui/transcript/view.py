"""The transcript: the messages of the chat on screen, as they are and as they come."""

from __future__ import annotations

import threading

from PySide6.QtCore import QModelIndex, QTimer
from PySide6.QtGui import QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QGroupBox, QWidget

from llamadesk.core.chat import MessageId, Role
from llamadesk.core.highlight import preload
from llamadesk.state.transcript import MessageListModel
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.transcript.area import MessageArea
from llamadesk.ui.transcript.blocks.buttons import RoundButton
from llamadesk.ui.transcript.documents import Documents
from llamadesk.ui.transcript.look import Look
from llamadesk.ui.transcript.memory import Memory
from llamadesk.ui.transcript.picking import Picker
from llamadesk.ui.transcript.pieces import Edit

_PRELOAD_MS = 50
_LANGUAGES = ("python", "bash", "javascript", "cpp", "html", "sql", "rust", "yaml")
"""Their lexers are loaded before any code asks for them."""


class TranscriptView(QGroupBox):
    """Follows a MessageListModel. A QGroupBox, because screen readers know it as a panel with a name."""

    def __init__(self, messages: MessageListModel, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Transcript")
        self._messages = messages
        self._theme = theme
        self._documents = Documents(messages)
        look = Look(theme)
        self.area = MessageArea(self._documents, look, self)
        self.setFocusProxy(self.area)
        self.picker = Picker(self.area, self._documents)
        self._to_end = RoundButton("Jump to the end", "arrow-down", self)
        self._to_end.set_look(look)
        self._to_end.hide()
        self._to_end.clicked.connect(self.area.strip.to_end)
        self.area.strip.moved.connect(self._show_button)
        messages.modelReset.connect(self._reset)
        messages.rowsInserted.connect(self._rows_inserted)
        messages.dataChanged.connect(self._data_changed)
        messages.text_appended.connect(self._text_appended)
        messages.thought_appended.connect(self._thought_appended)
        theme.changed.connect(self._theme_changed)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._focus_changed)
        self._prepared = False
        self.area.strip.reset()

    def _reset(self) -> None:
        self.picker.clear()
        self.area.strip.reset()

    def _rows_inserted(self, _parent: QModelIndex, first: int, last: int) -> None:
        for row in range(first, last + 1):
            self._documents.append(row)
        self.area.strip.row_added(by_person=self._messages.message(last).role is Role.USER)
        self._take(self._documents.set_memory(self._documents.memory))  # it may begin with the new one

    def _text_appended(self, row: int, text: str) -> None:
        # At once: the bridge has brought it down to what a screen can show (`Patience.frame`).
        document = self._documents.peek(row)
        if document is not None:
            self.area.strip.edited(row, document.append(text))

    def _thought_appended(self, row: int, text: str) -> None:
        document = self._documents.peek(row)
        if document is not None:
            self.area.strip.edited(row, document.append_thought(text))

    def set_memory(self, memory: Memory) -> None:
        """Show what of the chat the model still sees."""
        if memory != self._documents.memory:
            self._take(self._documents.set_memory(memory))

    def set_continuable(self, message_id: MessageId | None) -> None:
        """Offer to go on with this reply, or with none."""
        if message_id != self._documents.continuable:
            self._take(self._documents.set_continuable(message_id))

    def _take(self, edits: list[tuple[int, Edit]]) -> None:
        for row, edit in edits:
            self.area.strip.edited(row, edit)

    def _data_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        for row in range(first.row(), last.row() + 1):
            document = self._documents.peek(row)
            if document is not None:
                self.area.strip.edited(row, document.replace(self._messages.message(row)))
            else:
                self._documents.changed(row)

    def _theme_changed(self) -> None:
        look = Look(self._theme)
        self._to_end.set_look(look)
        self.area.set_look(look)
        self._place_button()

    def _show_button(self) -> None:
        self._to_end.setVisible(
            not self.area.strip.at_end and self.area.strip.distance_to_end > self.area.viewport().height() // 8
        )

    def _place_button(self) -> None:
        self._to_end.move((self.width() - self._to_end.width()) // 2, self.height() - self._to_end.height() - 12)
        self._to_end.raise_()

    def _focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        if new is not None and new is not self.area and self.area.viewport().isAncestorOf(new):
            self.area.reveal(new)

    def showEvent(self, event: QShowEvent) -> None:
        """Get ready for code, once the window is there."""
        super().showEvent(event)
        if not self._prepared:
            self._prepared = True
            QTimer.singleShot(_PRELOAD_MS, self, self._preload)

    def _preload(self) -> None:
        """The first use of a lexer would be seen as a stall; on a thread, loading it takes turns with the window."""
        threading.Thread(target=preload, args=(_LANGUAGES,), name="lexers", daemon=True).start()

    def resizeEvent(self, _event: QResizeEvent) -> None:
        """The messages fill it; the round button floats over their lower edge."""
        self.area.setGeometry(self.rect())
        self._place_button()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The messages paint themselves."""
