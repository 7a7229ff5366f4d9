"""The question at the end, where words could not be saved: none are let go of without being asked."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget

from llamadesk.ui.style import room_sheet

if TYPE_CHECKING:
    from llamadesk.core.errors import Problem
    from llamadesk.ui.theme import ThemeManager


class Leave(StrEnum):
    """What the person wants done about it."""

    TRY_AGAIN = "Try again"
    GO_BACK = "Back to the chat"
    CLOSE = "Close without saving"


class UnsavedDialog(QMessageBox):
    """Says why not everything could be saved, and what can be done.

    Signals:
        chosen: Leave; once. Closing the dialog goes back.
    """

    chosen = Signal(Leave)

    def __init__(self, problem: Problem, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setIcon(QMessageBox.Icon.Warning)
        self.setWindowTitle("Not everything is saved")
        self.setText("Not everything that was written could be saved.")
        self.setInformativeText(f"{problem.title} {problem.advice}".strip())
        self.setStyleSheet(room_sheet(theme))
        roles = {
            Leave.TRY_AGAIN: QMessageBox.ButtonRole.AcceptRole,
            Leave.GO_BACK: QMessageBox.ButtonRole.RejectRole,
            Leave.CLOSE: QMessageBox.ButtonRole.DestructiveRole,
        }
        self._buttons: dict[Leave, QPushButton] = {leave: self.addButton(leave, role) for leave, role in roles.items()}
        self.setDefaultButton(self._buttons[Leave.TRY_AGAIN])
        self.setEscapeButton(self._buttons[Leave.GO_BACK])
        self.finished.connect(self._tell)

    def choose(self, leave: Leave) -> None:
        """Answer in the person's place."""
        self._buttons[leave].click()

    def _tell(self) -> None:
        clicked = self.clickedButton()
        self.chosen.emit(next((leave for leave, button in self._buttons.items() if button is clicked), Leave.GO_BACK))
