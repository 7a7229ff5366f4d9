"""The page "Find more" of the window of models: the hub's search, and the page of one of its repositories."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from llamadesk.ui.library.hub_search_view import HubSearchView
from llamadesk.ui.library.trouble_box import trouble_sheet
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk
    from llamadesk.ui.library.hub_model_view import HubModelView


class HubPage(QWidget):
    """Shows the search, or one repository."""

    downloads_asked = Signal()
    back_asked = Signal()
    """Back to where the person came from, when that was not the search."""

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._hub = desk.hub
        self._theme = theme
        self._came_from_search = True
        self.setObjectName("hub")
        self.setAccessibleName("Find more")
        self.search_view = HubSearchView(desk, theme)
        self.search_view.chosen.connect(desk.hub.open)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.search_view)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)
        self.setFocusProxy(self.search_view.field)
        desk.hub.state.page_changed.connect(self._show)
        theme.changed.connect(self._dress)
        self._dress()
        self._show()

    @cached_property
    def model_view(self) -> HubModelView:
        """Made when the first model is shown: most of the page is there."""
        from llamadesk.ui.library.hub_model_view import HubModelView  # noqa: PLC0415 - as said above

        view = HubModelView(self._desk, self._theme)
        view.back_asked.connect(self._go_back)
        view.downloads_asked.connect(self.downloads_asked)
        self._stack.addWidget(view)
        return view

    def show_repository(self, repository: str) -> None:
        """Show a repository ("owner/name"), or the search for "". Asks the hub: the person has to have asked for it."""
        if not repository:
            self._hub.close_page()
        elif repository != self._hub.state.repository:
            self._came_from_search = False
            self._hub.open(repository)

    @Slot()
    def _go_back(self) -> None:
        came_from_search, self._came_from_search = self._came_from_search, True
        self._hub.close_page()
        if came_from_search:
            self.search_view.field.setFocus()
        else:
            self.back_asked.emit()

    @Slot()
    def _show(self) -> None:
        shown = self.model_view if self._hub.state.repository else self.search_view
        self._stack.setCurrentWidget(shown)

    @Slot()
    def _dress(self) -> None:
        theme, c = self._theme, self._theme.colours
        radius = theme.px(10)
        self.setStyleSheet(
            room_sheet(theme)
            + trouble_sheet(theme)
            + f"""
            #hub, #scroll, #body, #column {{ background: {c.window}; }}
            #results {{ background: {c.window}; border: none; outline: none; }}
            #hub_file {{ background: {c.surface_raised}; border: 1px solid {c.border}; border-radius: {radius}px; }}
            #token {{ background: {c.sidebar}; border: 1px solid {c.border}; border-radius: {radius}px; }}
            #gate {{ background: {c.info_surface}; border: 1px solid {c.border}; border-radius: {radius}px; }}
            QLabel[tone="good"] {{ color: {c.success}; }}
            QLabel[tone="warning"] {{ color: {c.warning}; }}
            QLabel[tone="accent"] {{ color: {c.accent}; font-weight: 600; }}
            QLabel[tone="error"] {{ color: {c.error}; }}
            """
        )
