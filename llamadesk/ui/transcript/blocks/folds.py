"""The lines that texts beside the messages are folded away behind: thoughts, and the summary of what was forgotten."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from llamadesk.ui.transcript.blocks.base import Act, ActingWidget
from llamadesk.ui.transcript.blocks.buttons import QuietButton

MEMORY_WORDS = "The model's memory begins here"
_MEMORY_HELP = "It does not see the messages above, unless they are pinned."
_SUMMARY_WORDS = "Summary of what came before"
_ROW = 28  # pixels at 100 %
_GAP = 12  # pixels at 100 % beside the words of the line


def _unfolder(parent: QWidget) -> QuietButton:
    button = QuietButton("Show", "chevron-right", parent)
    button.says_done = False
    return button


def _show_fold(button: QuietButton, words: str, *, unfolded: bool) -> None:
    button.set_face(words, "chevron-down" if unfolded else "chevron-right", label=words)
    button.setAccessibleDescription("Press to hide it." if unfolded else "Press to show it.")


class ThoughtWidget(ActingWidget):
    """The line above an answer that says how long the model thought, and shows the thought."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.button = _unfolder(self)
        self.button.clicked.connect(lambda: self.asked.emit(Act.FOLD))

    def set_thought(self, words: str, *, unfolded: bool) -> None:
        """What it says, and whether the thought is shown below."""
        _show_fold(self.button, words, unfolded=unfolded)

    def lay_out(self, _width: int) -> int:
        """One line; its icon begins where the text does."""
        assert self.look is not None
        self.button.set_look(self.look)
        self.button.move(-self.look.px(8), 0)
        return self.look.px(_ROW)


class MemoryWidget(ActingWidget):
    """The line above the first message that the model still sees; below it, where there is one, the way to the summary
    of what came before."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName(f"{MEMORY_WORDS}. {_MEMORY_HELP}")
        self.setToolTip(_MEMORY_HELP)
        self.fold_button = _unfolder(self)
        self.fold_button.clicked.connect(lambda: self.asked.emit(Act.FOLD))
        self.edit_button = QuietButton("Edit", "pencil", self)
        self.edit_button.says_done = False
        self.edit_button.set_face("Edit the summary", "pencil", label="Edit")
        self.edit_button.clicked.connect(lambda: self.asked.emit(Act.EDIT_SUMMARY))

    def set_summary(self, *, exists: bool, unfolded: bool) -> None:
        """Whether there is a summary, and whether it is shown below."""
        _show_fold(self.fold_button, _SUMMARY_WORDS, unfolded=unfolded)
        for button in (self.fold_button, self.edit_button):
            button.setVisible(exists)

    def forget(self) -> None:
        """The tool tip is the same for every message."""
        super().forget()
        self.setToolTip(_MEMORY_HELP)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Nothing here is text or a link."""
        event.ignore()

    def lay_out(self, _width: int) -> int:
        """The line, and a second one for the summary."""
        assert self.look is not None
        row = self.look.px(_ROW)
        for button in (self.fold_button, self.edit_button):
            button.set_look(self.look)
        self.fold_button.move(-self.look.px(8), row)
        self.edit_button.move(self.fold_button.x() + self.fold_button.width(), row)
        return row if self.fold_button.isHidden() else 2 * row

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The words between two rules."""
        if self.look is None:
            return
        look = self.look
        row = QRectF(0, 0, self.width(), look.px(_ROW))
        words = look.metrics("small").elidedText(MEMORY_WORDS, Qt.TextElideMode.ElideRight, row.width())
        half = look.metrics("small").horizontalAdvance(words) / 2 + look.px(_GAP)
        painter = QPainter(self)
        painter.setFont(look.fonts["small"])
        painter.setPen(look.colour("text_muted"))
        painter.drawText(row, Qt.AlignmentFlag.AlignCenter, words)
        rule, centre = look.colour("border_strong"), row.center()
        for left, right in ((0.0, centre.x() - half), (centre.x() + half, row.right())):
            painter.fillRect(QRectF(left, round(centre.y()), max(0.0, right - left), 1), rule)
        painter.end()
