"""Exactly what the model sees: the prompt with the marks of its chat format."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QColor, QGuiApplication, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from llamadesk.core.chat import Message, Role, title_from
from llamadesk.core.protocol import PromptPiece, PromptShown
from llamadesk.state.transcript import MessageListModel
from llamadesk.ui.long_lines import insert_cut, selected
from llamadesk.ui.style import mono_sheet, room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label

_TITLE = "What the model sees"
_INTRO = (
    "This is the whole text that the model reads, exactly as it is. What is tinted is not text: these are marks by "
    "which the model tells who speaks."
)
_NAMED = 3
"""Messages that were left out are named up to this many."""
_NAME_LENGTH = 40


def prompt_text(pieces: Iterable[PromptPiece]) -> str:
    """The prompt as one text, control tokens by their names."""
    return "".join(piece.text for piece in pieces)


def counted_words(pieces: Iterable[PromptPiece]) -> str:
    """How long the prompt is, in words."""
    pieces = list(pieces)
    n_tokens = sum(piece.n_tokens for piece in pieces)
    n_marks = sum(piece.n_tokens for piece in pieces if piece.is_control)
    return f"{n_tokens:,} tokens (pieces of words), {n_marks:,} of them marks."


def left_out_words(messages: list[Message]) -> str:
    """Which messages the model does not see, in words; "" for none."""
    if not messages:
        return ""
    names = [
        f"{'you' if message.role is Role.USER else 'the model'}, “{title_from(message.content, _NAME_LENGTH)}”"
        for message in messages[:_NAMED]
    ]
    more = len(messages) - len(names)
    if more:
        names.append(f"{more:,} more")
    count = "1 message is" if len(messages) == 1 else f"{len(messages):,} messages are"
    return f"{count} left out, because the chat is too long: {'; '.join(names)}."


class PromptText(QPlainTextEdit):
    """The prompt as plain text; nothing in it is ever read as markup."""

    def __init__(self, name: str = _TITLE) -> None:
        """`name`: for screen readers."""
        super().__init__(readOnly=True, undoRedoEnabled=False)
        self.setAccessibleName(name)
        self.setTabChangesFocus(True)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )

    def show_pieces(self, pieces: Iterable[PromptPiece], mark: QTextCharFormat) -> None:
        """Show them in the font of `mark`, by which control tokens are painted."""
        self.clear()
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        plain = QTextCharFormat()
        plain.setFont(mark.font())
        for piece in pieces:
            cursor.setCharFormat(mark if piece.is_control else plain)
            insert_cut(cursor, piece.text.replace("\x00", "\N{REPLACEMENT CHARACTER}"))
        cursor.endEditBlock()
        self.moveCursor(QTextCursor.MoveOperation.Start)

    def createMimeDataFromSelection(self) -> QMimeData:
        """Copy with long lines whole."""
        data = QMimeData()
        data.setText(selected(self.textCursor()))
        return data


def mark_format(theme: ThemeManager) -> QTextCharFormat:
    """How control tokens are painted."""
    colours = theme.colours
    result = QTextCharFormat()
    result.setFont(theme.font("mono"))  # without ligatures, which a style sheet cannot say
    result.setBackground(QColor(colours.info_surface))
    result.setForeground(QColor(colours.info))
    return result


class PromptDialog(QDialog):
    """Shows a PromptShown, and takes a newer one."""

    def __init__(self, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._pieces: list[PromptPiece] = []
        self.setWindowTitle(_TITLE)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._count = label("", "field", wrap=True)
        self._left_out = label("", "muted", wrap=True)
        self.text = PromptText()
        self._copied = label("", "muted")
        self._copied.setAccessibleName("State of copying")
        copy, close = QPushButton("Copy"), QPushButton("Close")
        copy.clicked.connect(self._copy)
        close.clicked.connect(self.close)
        close.setDefault(True)
        buttons = QHBoxLayout()
        buttons.addWidget(copy)
        buttons.addWidget(self._copied, 1)
        buttons.addWidget(close)
        layout = QVBoxLayout(self)
        layout.addWidget(label(_TITLE, "title"))
        layout.addWidget(label(_INTRO, "muted", wrap=True))
        layout.addWidget(self._count)
        layout.addWidget(self._left_out)
        layout.addWidget(self.text, 1)
        layout.addLayout(buttons)
        theme.changed.connect(self._dress)
        self._dress()
        room = self.screen().availableGeometry()
        self.resize(min(theme.px(680), room.width() - 40), min(theme.px(640), room.height() - 40))

    def show_prompt(self, shown: PromptShown, transcript: MessageListModel) -> None:
        """Show a prompt; the messages left out are named as `transcript` has them."""
        self._pieces = shown.pieces
        rows = (transcript.row_of(message_id) for message_id in shown.dropped)
        left_out = left_out_words([transcript.message(row) for row in rows if row is not None])
        self._count.setText(counted_words(shown.pieces))
        self._left_out.setText(left_out)
        self._left_out.setVisible(bool(left_out))
        self._copied.clear()
        self.text.show_pieces(self._pieces, mark_format(self._theme))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(prompt_text(self._pieces))
        self._copied.setText("Copied.")

    def _dress(self) -> None:
        theme = self._theme
        self.setStyleSheet(room_sheet(theme) + mono_sheet(theme) + f"QDialog {{ background: {theme.colours.window}; }}")
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(theme.px(20), theme.px(18), theme.px(20), theme.px(16))
            layout.setSpacing(theme.px(10))
        if self._pieces:
            self.text.show_pieces(self._pieces, mark_format(self._theme))
