"""The way back to where the person came from, on every page that is about one model."""

from __future__ import annotations

from PySide6.QtGui import QKeySequence

from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import IconButton


class BackButton(IconButton):
    """A link with an arrow. `pressed` is the slot or signal that a press is passed on to."""

    def __init__(self, theme: ThemeManager, pressed: object) -> None:
        keys = QKeySequence(QKeySequence.StandardKey.Back).toString(QKeySequence.SequenceFormat.NativeText)
        super().__init__(theme, "arrow-left", "Back", f"Back ({keys})" if keys else "Back", text="Back", kind="link")
        self.clicked.connect(pressed)
