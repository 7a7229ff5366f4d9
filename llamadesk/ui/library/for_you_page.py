"""The first page of the window of models: what suits this computer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from llamadesk.ui.library.scroll_column import ScrollColumn
from llamadesk.ui.library.suggestion_list import SuggestionList
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_TITLE: Final = "Models that suit this computer"
_TEXT: Final = (
    "A model is downloaded once. From then on it runs here, without the internet, and nothing that you write leaves "
    "this computer."
)
_COLUMN: Final = 760


class ForYouPage(QWidget):
    """Two or three suggestions, one of them recommended, and the other ways to a model."""

    family_asked = Signal(str)
    page_asked = Signal(str)
    file_asked = Signal()
    chat_asked = Signal()

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setObjectName("for_you")
        suggestions = SuggestionList(desk, theme)
        for name in ("family_asked", "page_asked", "file_asked", "chat_asked"):
            getattr(suggestions, name).connect(getattr(self, name))
        scroll = ScrollColumn(theme, _COLUMN)
        scroll.lines.addWidget(label(_TITLE, "hero", wrap=True))
        scroll.lines.addWidget(label(_TEXT, "body", wrap=True))
        scroll.lines.addWidget(suggestions)
        scroll.lines.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)
        theme.changed.connect(self._dress)
        self._dress()

    @Slot()
    def _dress(self) -> None:
        window = self._theme.colours.window
        self.setStyleSheet(
            room_sheet(self._theme) + f"#for_you, #scroll, #body, #column {{ background: {window}; border: none; }}"
        )
