"""The field a message is typed into: plain text that grows with its content and stays quick with a megabyte in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QSizePolicy, QWidget

from llamadesk.ui.long_lines import CONTINUES, LONG_LINE, insert_cut, joined, lines, selected

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QInputMethodEvent, QKeyEvent, QResizeEvent


class MessageEdit(QPlainTextEdit):
    """Enter asks to send, Shift+Enter makes a new line; while an input method composes, both are its own."""

    send_asked = Signal()
    recall_asked = Signal()
    """Up was pressed in the empty field."""
    height_changed = Signal()
    focus_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._composing = False
        self._max_height = 200
        self._cut_lines = False
        self.setAccessibleName("Message")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(0)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self.textChanged.connect(self._fit)

    # --- The text ---

    def text(self) -> str:
        """What was typed, with long lines whole again."""
        return joined(self.document()) if self._cut_lines else self.toPlainText()

    def is_blank(self) -> bool:
        """Whether there is nothing to send. Cheap however long the text is."""
        block = self.document().begin()
        while block.isValid():
            if block.text().strip():
                return False
            block = block.next()
        return True

    def set_text(self, text: str) -> None:
        """Show a text, with the cursor at its end; what was there cannot be had back by undo."""
        self.setPlainText("")
        self._cut_lines = False
        if text:
            self.insert_text(text)
        self.document().clearUndoRedoStacks()

    def insert_text(self, text: str) -> None:
        """Put a text in place of the selection."""
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
        cursor = self.textCursor()
        cursor.beginEditBlock()
        if cursor.block().blockFormat().hasProperty(CONTINUES) or any(len(line) > LONG_LINE for line in lines(text)):
            self._cut_lines = True
            insert_cut(cursor, text)
        else:
            cursor.insertText(text)
        cursor.endEditBlock()
        self.setTextCursor(cursor)
        self.ensureCursorVisible()

    # --- Its height ---

    def set_max_height(self, pixels: int) -> None:
        """Grow to this height at most, then scroll."""
        self._max_height = pixels
        self._fit()

    def sizeHint(self) -> QSize:
        """As high as the text, within bounds."""
        line = self.fontMetrics().lineSpacing()
        lines = max(1, int(self.document().documentLayout().documentSize().height()))  # QPlainTextEdit counts lines
        margins = self.contentsMargins()
        return QSize(200, min(self._max_height, lines * line + margins.top() + margins.bottom() + 4))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width makes other lines."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def _fit(self) -> None:
        height = self.sizeHint().height()
        full = height >= self._max_height
        self.setVerticalScrollBarPolicy(
            Qt.ScrollBarPolicy.ScrollBarAsNeeded if full else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        )
        if height != self.height() or height != self.minimumHeight():
            self.setFixedHeight(height)
            self.height_changed.emit()

    # --- Keys ---

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        """Remember whether a word is being composed."""
        self._composing = bool(event.preeditString())
        super().inputMethodEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """See the class."""
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if self._composing:
            if not enter:  # it ends the composition, which the input method does; it is no line of the message
                super().keyPressEvent(event)
            return
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        plain = modifiers == Qt.KeyboardModifier.NoModifier
        if enter:
            if modifiers & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.AltModifier):
                self._break_line()
                self.ensureCursorVisible()
            else:
                self.send_asked.emit()
        elif event.key() == Qt.Key.Key_Up and plain and self.document().isEmpty():
            self.recall_asked.emit()
        else:
            super().keyPressEvent(event)

    def _break_line(self) -> None:
        from PySide6.QtGui import QTextBlockFormat  # noqa: PLC0415 - slow to import, for the many enums of its base

        self.textCursor().insertBlock(QTextBlockFormat())

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The frame around the field shows it."""
        super().focusInEvent(event)
        self.focus_changed.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """A composition ends with the focus."""
        self._composing = False
        super().focusOutEvent(event)
        self.focus_changed.emit()

    # --- Clipboard and drag and drop ---

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Text; files that are dropped are the window's business."""
        return source.hasText() and not any(url.isLocalFile() for url in source.urls())

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Paste as plain text."""
        self.insert_text(source.text())

    def createMimeDataFromSelection(self) -> QMimeData:
        """Copy with long lines whole."""
        data = QMimeData()
        data.setText(selected(self.textCursor()))
        return data
