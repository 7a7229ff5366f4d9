"""The line above the transcript: which model answers, and the way to search, models and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from llamadesk.ui.shortcuts import Act, hint
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import ElidedLabel, IconButton

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from llamadesk.control.desk import Desk

_NARROW = 440


def context_text(n_ctx: int) -> str:
    """A context length in words: "8K context", "512 context"."""
    if n_ctx >= 1024:
        return f"{n_ctx / 1024:.3g}K context"
    return f"{n_ctx} context"


class Header(QWidget):
    """Follows the chosen and the loaded model."""

    sidebar_asked = Signal()
    settings_asked = Signal()
    search_asked = Signal()
    library_asked = Signal()

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self.setObjectName("header")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._sidebar = IconButton(theme, "panel-left", "Show sidebar", hint(Act.SIDEBAR, "Show the sidebar"))
        self._sidebar.clicked.connect(self.sidebar_asked)
        self._name = ElidedLabel("title")
        self._name.setAccessibleName("Model in use")
        self._facts = ElidedLabel("muted")
        self._search = IconButton(theme, "search", "Find a chat", hint(Act.SEARCH))
        self._search.clicked.connect(self.search_asked)
        self._library = IconButton(theme, "box", "Models", hint(Act.LIBRARY, "Models: find, compare, download"))
        self._library.clicked.connect(self.library_asked)
        self._settings = IconButton(theme, "settings-2", "Settings", hint(Act.SETTINGS))
        self._settings.clicked.connect(self.settings_asked)
        self._layout = QHBoxLayout(self)
        self._layout.addWidget(self._sidebar)
        self._layout.addWidget(self._name)
        self._layout.addWidget(self._facts)
        self._layout.addStretch(1)
        self._layout.addWidget(self._search)
        self._layout.addWidget(self._library)
        self._layout.addWidget(self._settings)
        desk.models.chosen_changed.connect(self._show)
        desk.engine.model_changed.connect(self._show)
        theme.changed.connect(self._dress)
        self._dress()
        self._show()

    def set_sidebar_shown(self, shown: bool) -> None:
        """Offer the sidebar's button only where the sidebar is not there."""
        self._sidebar.setVisible(not shown)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where it is narrow, the name matters more than the figures."""
        super().resizeEvent(event)
        self._facts.setVisible(event.size().width() >= self._theme.px(_NARROW))

    def _show(self) -> None:
        chosen, loaded = self._desk.models.chosen, self._desk.engine.model
        name = chosen.family if chosen else loaded.name if loaded else "No model"
        facts = [chosen.facts.quantization] if chosen and chosen.facts.quantization else []
        if loaded is not None:
            facts += [context_text(loaded.n_ctx), "GPU" if loaded.n_gpu_layers else "CPU"]
        self._name.setText(name)
        self._name.setAccessibleDescription(name)
        self._facts.setText(" · ".join(facts))

    def _dress(self) -> None:
        theme, c = self._theme, self._theme.colours
        self.setStyleSheet(
            room_sheet(theme) + f"#header {{ background: {c.window}; border-bottom: 1px solid {c.border}; }}"
        )
        self.setFixedHeight(theme.px(52))
        self._layout.setContentsMargins(theme.px(16), 0, theme.px(12), 0)
        self._layout.setSpacing(theme.px(8))
