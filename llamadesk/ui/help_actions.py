"""The foot of the settings pane: which version this is, whether there is a newer one, and where help begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from llamadesk import __version__
from llamadesk.core.paths import APP_NAME
from llamadesk.ui.shortcuts import Act, hint
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_CHECK_NOW, _CHECKING = "Look now", "Looking..."


class HelpActions(QWidget):
    """Buttons, one below the other."""

    diagnostics_asked = Signal()
    shortcuts_asked = Signal()

    def __init__(self, desk: Desk, theme: ThemeManager) -> None:
        super().__init__()
        self._check = self._button(_CHECK_NOW, "Look for a new version now")
        self._check.clicked.connect(desk.updates.check_now)
        desk.updates.checking_changed.connect(self._show_checking)
        diagnostics = self._button("Diagnostics", "What support needs to know")
        diagnostics.clicked.connect(self.diagnostics_asked)
        keys = self._button("Keyboard shortcuts", hint(Act.SHORTCUTS))
        keys.clicked.connect(self.shortcuts_asked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.px(8))
        for button in (self._check, diagnostics, keys):
            layout.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(label(f"{APP_NAME} {__version__}", "small"))

    def _button(self, text: str, tip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tip)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        return button

    @Slot(bool)
    def _show_checking(self, checking: bool) -> None:
        self._check.setEnabled(not checking)
        self._check.setText(_CHECKING if checking else _CHECK_NOW)
