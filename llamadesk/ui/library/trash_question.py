"""The question before a file goes into the trash: in the page itself, where what it is about can be seen."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QPushButton, QVBoxLayout

from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label


class TrashQuestion(QFrame):
    """Hidden until it is asked. Keeping the file is what Enter does."""

    answered = Signal(bool)
    """Whether it is to go; the question is hidden again."""

    def __init__(self, theme: ThemeManager) -> None:
        super().__init__()
        self._theme = theme
        self.setObjectName("question")
        self.setAccessibleName("Move to trash?")
        self._words = label("", "field", wrap=True)
        self.keep, self.move_it = QPushButton("Keep it"), QPushButton("Move to trash")
        self._buttons = FoldingRow()
        for button, goes in ((self.keep, False), (self.move_it, True)):
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            button.clicked.connect(lambda _checked, goes=goes: self._answer(goes))
            self._buttons.add(button)
        self._buttons.add_stretch()
        self._lines = QVBoxLayout(self)
        self._lines.addWidget(self._words)
        self._lines.addWidget(self._buttons)
        theme.changed.connect(self._space)
        self._space()
        self.hide()

    def ask(self, what: str) -> None:
        """Ask about a file, named as it stands in a sentence."""
        self._words.setText(
            f"Move {what} to the trash? Your chats stay, and you can take it back from there until you empty the trash."
        )
        self.show()
        self.keep.setFocus(Qt.FocusReason.OtherFocusReason)

    def _answer(self, goes: bool) -> None:
        self.hide()
        self.answered.emit(goes)

    def _space(self) -> None:
        px = self._theme.px
        self._lines.setContentsMargins(px(14), px(12), px(14), px(12))
        self._lines.setSpacing(px(10))
        self._buttons.set_room(0, px(8))
