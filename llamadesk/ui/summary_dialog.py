"""Where a person corrects the summary that the model is shown in place of the oldest messages."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label

_TITLE = "Edit the summary"
_INTRO = (
    "This is what the model is shown in place of the messages above the line. Correct it where it is wrong, or add "
    "what the model must not forget."
)


class SummaryDialog(QDialog):
    """A text to edit, Save and Cancel."""

    saved = Signal(str)

    def __init__(self, summary: str, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(_TITLE)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.edit = QPlainTextEdit(summary)
        self.edit.setAccessibleName("Summary")
        self.edit.setTabChangesFocus(True)
        save, cancel = QPushButton("Save"), QPushButton("Cancel")
        save.setProperty("kind", "primary")
        save.setDefault(True)
        save.clicked.connect(self.accept)
        cancel.clicked.connect(self.reject)
        self.accepted.connect(lambda: self.saved.emit(self.edit.toPlainText().strip()))
        buttons = QHBoxLayout()
        buttons.addStretch()
        buttons.addWidget(cancel)
        buttons.addWidget(save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.px(20), theme.px(18), theme.px(20), theme.px(16))
        layout.setSpacing(theme.px(12))
        layout.addWidget(label(_TITLE, "title"))
        layout.addWidget(label(_INTRO, "muted", wrap=True))
        layout.addWidget(self.edit, 1)
        layout.addLayout(buttons)
        self.setStyleSheet(room_sheet(theme) + f"QDialog {{ background: {theme.colours.window}; }}")
        room = self.screen().availableGeometry()
        self.resize(min(theme.px(520), room.width() - 40), min(theme.px(380), room.height() - 40))
        self.edit.setFocus()
