"""Why some models are only given to people whom their publisher knows, and how to become one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.library.token_box import TokenBox
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label, push_button

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_WHY = (
    "Its publisher wants to know who downloads it: its files are only for people who have accepted its terms on the "
    "model's page. Most let you in at once; some take hours or days."
)
_STEPS = (
    "1.  Open the model's page in the browser, sign in or make an account there, and accept the terms.\n"
    "2.  Make an access token there.\n"
    "3.  Enter it here."
)
_LET_IN = "You have been let in: its files can be downloaded."


class HubGate(QFrame):
    """Follows the page; hidden for a model that anybody can have."""

    page_asked = Signal()
    """The person wants to see the model's page in a browser."""
    again_asked = Signal()

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = desk.hub.state
        self._theme = theme
        self.setObjectName("gate")
        self._text = label("", "field", wrap=True)
        self._steps = label(_STEPS, "muted", wrap=True)
        self._open = push_button("Open the model's page", self.page_asked)
        self._again = push_button("Try again", self.again_asked)
        self.token = TokenBox(desk, theme, explains=False)
        self._buttons = FoldingRow()
        for button in (self._open, self._again):
            self._buttons.add(button)
        self._buttons.add_stretch()
        self._lines = QVBoxLayout(self)
        for widget in (self._text, self._steps, self._buttons, self.token):
            self._lines.addWidget(widget)
        for changed in (self._state.page_changed, self._state.facts_changed, self._state.token_changed):
            changed.connect(self._show)
        theme.changed.connect(self._dress)
        self._dress()
        self._show()

    @Slot()
    def _show(self) -> None:
        state = self._state
        is_gated = (state.page is not None and state.page.model.gated) or state.refusal is not None
        is_let_in = is_gated and bool(state.facts) and state.refusal is None
        refusal = state.refusal if state.has_token else None
        self._text.setText(_LET_IN if is_let_in else refusal.text if refusal is not None else _WHY)
        self._steps.setVisible(not is_let_in and refusal is None)
        for widget in (self._buttons, self.token):
            widget.setVisible(not is_let_in)
        self._again.setVisible(refusal is not None)
        self.setVisible(is_gated)

    @Slot()
    def _dress(self) -> None:
        px = self._theme.px
        self._lines.setContentsMargins(px(16), px(14), px(16), px(14))
        self._lines.setSpacing(px(10))
        self._buttons.set_room(0, px(8))
