"""The field for the hub's access token, and where the token is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFrame, QLineEdit, QVBoxLayout, QWidget

from llamadesk.core.hub import TokenPlace
from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label, push_button, set_property

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_WHY = (
    "Some publishers want to know who downloads their models. For those the hub has to know you: sign in there, make "
    "an access token (it only has to allow reading), and enter it here."
)
_NO_KEYRING = (
    "This system has no keyring that LlamaDesk can use, so the token is kept until LlamaDesk is closed. It is never "
    "written into a file."
)
_FIELD_ROOM = 380


class TokenBox(QFrame):
    """Follows `desk.hub.state`. What is typed cannot be read on the screen, and leaves the field at once.

    Args:
        explains: whether it says what a token is for.
    """

    def __init__(
        self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None, *, explains: bool = True
    ) -> None:
        super().__init__(parent)
        self._hub = desk.hub
        self._theme = theme
        self.setObjectName("token")
        self.setAccessibleName("Access token of the hub")
        self.field = QLineEdit(placeholderText="Paste the token here")
        self.field.setAccessibleName("Access token")
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.returnPressed.connect(self._enter)
        self.field.textChanged.connect(self._show_whether_ready)
        self.use = push_button("Use this token", self._enter)
        self._state = label("", "small", wrap=True)
        self._make = push_button("Make a token in the browser", self._open_page, "link")
        self.forget = push_button("Forget the token", desk.hub.forget_token, "link")
        self._lay_out(explains)
        desk.hub.state.token_changed.connect(self._show)
        theme.changed.connect(self._dress)
        self._dress()
        self._show()
        self._show_whether_ready()

    def _lay_out(self, explains: bool) -> None:
        self._entry = FoldingRow()
        self._entry.add(self.field, 1)
        self._entry.add(self.use)
        self._links = FoldingRow()
        self._links.add(self._make)
        self._links.add(self.forget)
        self._links.add_stretch()
        self._lines = QVBoxLayout(self)
        self._lines.addWidget(label("Access token", "section"))
        if explains:
            self._lines.addWidget(label(_WHY, "small", wrap=True))
        self._lines.addWidget(self._entry)
        self._lines.addWidget(self._state)
        self._lines.addWidget(self._links)

    @Slot()
    def _enter(self) -> None:
        token = self.field.text()
        self.field.clear()
        self._hub.set_token(token)

    @Slot()
    def _open_page(self) -> None:
        QDesktopServices.openUrl(QUrl(self._hub.token_link))

    @Slot()
    def _show_whether_ready(self) -> None:
        self.use.setEnabled(bool(self.field.text().strip()))

    @Slot()
    def _show(self) -> None:
        state = self._hub.state
        set_property(self._state, "tone", "error" if state.token_problem is not None else "")
        self._state.setText(self._words())
        self.forget.setVisible(state.can_forget_token)

    def _words(self) -> str:
        state = self._hub.state
        if state.token_problem is not None:
            return state.token_problem.text
        if state.token_place is TokenPlace.SESSION:
            return f"You have entered a token. Only {state.host} is shown it. {_NO_KEYRING}"
        if state.has_token:
            return f"There is a token; it is kept {state.token_place}. Only {state.host} is shown it."
        if state.keeps_tokens is False:
            return f"There is no token yet. {_NO_KEYRING}"
        return f"There is no token yet. It will be kept in the system's keyring; only {state.host} is shown it."

    @Slot()
    def _dress(self) -> None:
        px = self._theme.px
        self._lines.setContentsMargins(px(14), px(12), px(14), px(12))
        self._lines.setSpacing(px(8))
        self._entry.set_room(px(_FIELD_ROOM), px(8))
        self._links.set_room(px(_FIELD_ROOM), px(12))
