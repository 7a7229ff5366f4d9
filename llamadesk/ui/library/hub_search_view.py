"""The search on the hub: a field, what is sent, and what was found."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QRect, Qt, Signal, Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QIcon
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from llamadesk.ui.icons import icon
from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.library.hub_results import HubResults
from llamadesk.ui.library.scroll_column import ScrollColumn
from llamadesk.ui.library.token_box import TokenBox
from llamadesk.ui.library.trouble_box import TroubleBox
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label, push_button

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_COLUMN: Final = 880
_FIELD_ROOM: Final = 380
_PLACEHOLDER = "A name, such as Llama 2 7B Chat, or the address of a model's page"
_SHOW_TOKEN, _HIDE_TOKEN = "Access token…", "Hide the access token"
_PRIVACY = (
    "Search asks {host} for these words, and opening a model for its page and the beginning of a few of its files; "
    "with your access token, if you entered one. Nothing else is sent: nothing of your chats, and nothing about this "
    "computer."
)


class HubSearchView(QWidget):
    """Follows `desk.hub.state`. Nothing is asked before the person presses Search."""

    chosen = Signal(str)
    """The repository whose page the person wants to see."""

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._hub = desk.hub
        self._theme = theme
        self.setAccessibleName("Search on the hub")
        self.field = QLineEdit(placeholderText=_PLACEHOLDER)
        self.field.setAccessibleName("Search models")
        self.field.returnPressed.connect(self._search)
        self._glass = self.field.addAction(self._magnifying_glass(), QLineEdit.ActionPosition.LeadingPosition)
        self.button = push_button("Search", self._search, "primary")
        self._privacy = label(_PRIVACY.format(host=desk.hub.state.host), "small", wrap=True)
        self._trouble = TroubleBox(theme)
        self._trouble.again_asked.connect(desk.hub.search_again)
        self._state = label("", "muted", wrap=True)
        self._state.setAccessibleName("State of the search")
        self.results = HubResults(theme)
        self.results.chosen.connect(self.chosen)
        self.results.row_shown.connect(self._keep_in_sight)
        self._toggle = push_button(_SHOW_TOKEN, self._toggle_token, "link")
        self._lay_out()
        desk.hub.state.results_changed.connect(self._show)
        theme.changed.connect(self._dress)
        self._dress()
        self._show()

    def _lay_out(self) -> None:
        self._entry = FoldingRow()
        self._entry.add(self.field, 1)
        self._entry.add(self.button)
        self._scroll = ScrollColumn(self._theme, _COLUMN)
        lines = self._scroll.lines
        lines.addWidget(label("Find more models", "hero", wrap=True))
        lines.addWidget(self._entry)
        lines.addWidget(self._privacy)
        lines.addWidget(self._toggle, 0, Qt.AlignmentFlag.AlignLeft)
        for widget in (self._trouble, self._state, self.results):
            lines.addWidget(widget)
        lines.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._scroll)

    @Slot()
    def _search(self) -> None:
        self._hub.search(self.field.text())

    @Slot()
    def _show(self) -> None:
        state = self._hub.state
        self._trouble.show_problem(state.problem)
        self.results.show_models(state.results)
        if state.is_searching:
            self._state.setText(f"Asking {state.host}…")
        elif state.problem is not None or not state.query:
            self._state.clear()
        elif state.results:
            count = len(state.results)
            order = "" if count == 1 else ", those that most people download first"
            self._state.setText(f"{count} model{'' if count == 1 else 's'} for “{state.query}”{order}.")
        else:
            self._state.setText(f"Nothing was found for “{state.query}”. Try fewer words, or another spelling.")
        self._state.setVisible(bool(self._state.text()))
        if self._state.isVisible():
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self._state, self._state.text()))

    @cached_property
    def _token(self) -> TokenBox:
        """Made when the person asks for it: few ever do."""
        box = TokenBox(self._desk, self._theme)
        lines = self._scroll.lines
        lines.insertWidget(lines.indexOf(self._toggle) + 1, box)
        box.hide()
        return box

    @Slot()
    def _toggle_token(self) -> None:
        shows = not self._token.isVisibleTo(self)
        self._token.setVisible(shows)
        self._toggle.setText(_HIDE_TOKEN if shows else _SHOW_TOKEN)

    @Slot(QRect)
    def _keep_in_sight(self, row: QRect) -> None:
        body = self._scroll.widget()
        if body is not None and self.results.hasFocus():
            centre = self.results.viewport().mapTo(body, row.center())
            self._scroll.ensureVisible(centre.x(), centre.y(), 0, row.height())

    def _magnifying_glass(self) -> QIcon:
        return icon("search", self._theme.colours.text_faint, self._theme.px(15))

    @Slot()
    def _dress(self) -> None:
        self._entry.set_room(self._theme.px(_FIELD_ROOM), self._theme.px(8))
        self._glass.setIcon(self._magnifying_glass())
