"""Where a message is written: the field, Attach, the options of the chat, and Send that becomes Stop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from llamadesk.control.notices import NoticeKind
from llamadesk.core.chat import Mode, Role
from llamadesk.ui.attachment import fenced_file
from llamadesk.ui.chat_options import MODE_WORDS, ChatOptionsButton
from llamadesk.ui.message_edit import MessageEdit
from llamadesk.ui.shortcuts import Act, hint
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import ElidedLabel, IconButton

if TYPE_CHECKING:
    from PySide6.QtGui import QMouseEvent, QPaintEvent

    from llamadesk.control.desk import Desk

_SHADOW = 4


class Composer(QWidget):
    """A rounded box that grows with the message."""

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self._showing_draft = False
        self.edit = MessageEdit()
        self.edit.send_asked.connect(self._send)
        self.edit.recall_asked.connect(self._recall)
        self.edit.textChanged.connect(self._on_text_changed)
        self.edit.focus_changed.connect(self.update)
        self._attach = IconButton(theme, "paperclip", "Attach", "Attach a text file")
        self._attach.clicked.connect(self._choose_attachment)
        self._options = ChatOptionsButton(desk, theme)
        self._mode = ElidedLabel("small")
        self._mode.setAccessibleName("What a message asks for")
        self._send_button = IconButton(
            theme, "arrow-up", "Send", side=30, colour="accent_text", kind="round", can_be_off=True
        )
        self._send_button.clicked.connect(self._send)
        self._stop_button = IconButton(
            theme, "stop", "Stop generating", hint(Act.STOP), side=30, colour="accent_text", kind="round"
        )
        self._stop_button.clicked.connect(self._stop)
        self._lay_out()
        self.setFocusProxy(self.edit)
        self.setCursor(Qt.CursorShape.IBeamCursor)
        desk.chats.opened.connect(self._show_draft)
        desk.chats.opened.connect(self._show_purpose)
        desk.replies.busy_changed.connect(self._show_state)
        desk.replies.can_send_changed.connect(self._show_state)
        desk.replies.send_refused.connect(self._take_back)
        desk.models.chosen_changed.connect(self._show_purpose)
        desk.engine.model_changed.connect(self._show_purpose)
        desk.chats.options_changed.connect(self._show_purpose)
        theme.changed.connect(self._dress)
        self._dress()
        self._show_draft()
        self._show_purpose()
        self._show_state()

    def _lay_out(self) -> None:
        swap = QWidget()
        self._buttons = QStackedLayout(swap)
        self._buttons.setContentsMargins(0, 0, 0, 0)
        self._buttons.addWidget(self._send_button)
        self._buttons.addWidget(self._stop_button)
        swap.setFixedSize(self._theme.px(30), self._theme.px(30))
        self._swap = swap
        bottom = QHBoxLayout()
        bottom.addWidget(self._attach)
        bottom.addWidget(self._options)
        bottom.addWidget(self._mode)
        bottom.addStretch()
        bottom.addWidget(swap)
        for button in (self._attach, self._options, self._send_button, self._stop_button):
            button.setCursor(Qt.CursorShape.PointingHandCursor)
        self._layout = QVBoxLayout(self)
        self._layout.addWidget(self.edit)
        self._layout.addLayout(bottom)

    # --- What others ask ---

    def set_room(self, height: int) -> None:
        """The height of the room the composer stands in: it takes two fifths of it at most."""
        margins = self._layout.contentsMargins()
        others = margins.top() + margins.bottom() + self._layout.spacing() + self._attach.height()
        self.edit.set_max_height(max(self._theme.px(48), int(height * 0.4) - others))

    def suggest(self, text: str) -> None:
        """Put a beginning into the field for the person to go on with."""
        self.edit.set_text(text)
        self.edit.setFocus()

    def attach(self, path: Path) -> None:
        """Put the text of a file at the cursor."""
        try:
            text = fenced_file(path)
        except ValueError as error:
            self._desk.notices.post(NoticeKind.WARNING, str(error))
            return
        before = self.edit.textCursor().block().text()
        self.edit.insert_text(f"\n\n{text}" if before.strip() else text)
        self.edit.setFocus()

    # --- Sending ---

    def _send(self) -> None:
        if self._desk.replies.busy or self.edit.is_blank():
            return
        text = self.edit.text()
        self.edit.set_text("")
        self._desk.replies.send(text)
        self.edit.setFocus()

    def _stop(self) -> None:
        self._desk.replies.stop()
        self.edit.setFocus()

    def _take_back(self, text: str) -> None:
        typed = self.edit.text()
        self.edit.set_text(f"{text}\n{typed}" if typed.strip() else text)

    def _recall(self) -> None:
        transcript = self._desk.transcript
        for row in range(transcript.rowCount() - 1, -1, -1):
            message = transcript.message(row)
            if message.role is Role.USER:
                self.edit.set_text(message.content)
                return

    def _choose_attachment(self) -> None:
        from PySide6.QtWidgets import QFileDialog  # noqa: PLC0415 - each class of Qt that a start loads takes time

        path, _ = QFileDialog.getOpenFileName(self, "Attach a text file")
        if path:
            self.attach(Path(path))

    # --- What is shown ---

    def _on_text_changed(self) -> None:
        if not self._showing_draft:
            self._desk.chats.save_draft(self.edit.text())
        self._show_state()

    def _show_draft(self) -> None:
        self._showing_draft = True
        self.edit.set_text(self._desk.chats.draft)
        self._showing_draft = False
        self._show_state()

    def _show_state(self) -> None:
        replies = self._desk.replies
        self._buttons.setCurrentWidget(self._stop_button if replies.busy else self._send_button)
        self._send_button.setEnabled(replies.can_send and not self.edit.is_blank())

    def _show_purpose(self) -> None:
        """Say what a message is for, and to whom."""
        mode = self._desk.chats.options.mode
        self.edit.setPlaceholderText(self._placeholder(mode))
        self._mode.setText("" if mode is Mode.CHAT else MODE_WORDS[mode][0])
        self._mode.setVisible(mode is not Mode.CHAT)
        if self.isVisible():  # before the first frame, asking for the viewport would load every class of QtWidgets
            # Qt paints again only where a placeholder appears or goes, not where it changes.
            self.edit.viewport().update()
        self._show_state()

    def _placeholder(self, mode: Mode) -> str:
        chosen, loaded = self._desk.models.chosen, self._desk.engine.model
        name = chosen.family if chosen else loaded.name if loaded else ""
        if not name:
            return "Choose a model to begin"
        if mode is Mode.TEXT:
            return "Begin a text; the model goes on with it"
        return f"Ask {name} a single question" if mode is Mode.QUESTION else f"Message {name}"

    # --- Looks ---

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click beside the text puts the cursor into it."""
        self.edit.setFocus(Qt.FocusReason.MouseFocusReason)
        super().mousePressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The box with a soft shadow. Painted: a QGraphicsEffect would paint it all at each blink of the cursor."""
        colours = self._theme.colours
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        radius = self._theme.px(16)
        box = QRectF(self.rect()).adjusted(_SHADOW, _SHADOW - 1, -_SHADOW, -_SHADOW - 1)
        painter.setPen(Qt.PenStyle.NoPen)
        for spread in range(_SHADOW, 0, -1):
            painter.setBrush(QColor(0, 0, 0, 14 if self._theme.dark else 5))
            painter.drawRoundedRect(
                box.adjusted(-spread, -spread + 1, spread, spread + 1), radius + spread, radius + spread
            )
        painter.setBrush(QColor(colours.surface_raised))
        painter.setPen(QPen(QColor(colours.border_strong if self.edit.hasFocus() else colours.border), 1))
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)

    def _dress(self) -> None:
        theme = self._theme
        self.setStyleSheet(
            room_sheet(theme)
            + "MessageEdit, MessageEdit:focus { background: transparent; border: none; border-radius: 0; padding: 0;"
            + f" font-size: {theme.px(15)}px; }}"
        )
        self._swap.setFixedSize(theme.px(30), theme.px(30))
        self._layout.setContentsMargins(
            _SHADOW + theme.px(14), theme.px(15) + 3, _SHADOW + theme.px(9), theme.px(8) + 5
        )
        self._layout.setSpacing(theme.px(8))
        self.update()
