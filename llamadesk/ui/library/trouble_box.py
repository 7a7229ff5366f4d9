"""What stands where something would be that did not come: why, and a way to try again."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QWidget

from llamadesk.core.errors import Problem
from llamadesk.ui.icons import icon_pixmap
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label, push_button


class TroubleBox(QFrame):
    """Hidden while there is no trouble. The sheet of the page dresses it by its name "trouble"."""

    again_asked = Signal()

    def __init__(self, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setObjectName("trouble")
        self._sign = QLabel()
        self._text = label("", "field", wrap=True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setMinimumWidth(80)
        self.again = push_button("Try again", self.again_asked)
        self._row = QHBoxLayout(self)
        self._row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        self._row.addWidget(self._text, 1)
        self._row.addWidget(self.again, 0, Qt.AlignmentFlag.AlignTop)
        theme.changed.connect(self._dress)
        self._dress()
        self.show_problem(None)

    def show_problem(self, problem: Problem | None) -> None:
        """Show what happened; None hides it."""
        self._text.setText(problem.text if problem is not None else "")
        self.setAccessibleName(f"Trouble: {problem.text}" if problem is not None else "")
        self.setVisible(problem is not None)

    @Slot()
    def _dress(self) -> None:
        px = self._theme.px
        size = px(18)
        colour = self._theme.colours.warning
        self._sign.setPixmap(icon_pixmap("triangle-alert", colour, size, self.devicePixelRatioF()))
        self._sign.setContentsMargins(0, px(4), 0, 0)
        self._text.setContentsMargins(0, px(5), 0, px(4))
        self._row.setContentsMargins(px(12), px(8), px(8), px(8))
        self._row.setSpacing(px(10))


def trouble_sheet(theme: ThemeManager) -> str:
    """For the sheet of a page that has such boxes."""
    c = theme.colours
    return (
        f"#trouble {{ background: {c.warning_surface}; border: 1px solid {c.border};"
        f" border-radius: {theme.px(10)}px; }}"
    )
