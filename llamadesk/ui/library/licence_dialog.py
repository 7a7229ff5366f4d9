"""The terms under which a model may be used: to read, and to accept once where its makers ask for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from llamadesk.ui.library.scroll_column import ScrollColumn
from llamadesk.ui.style import room_sheet
from llamadesk.ui.widgets import IconButton, label

if TYPE_CHECKING:
    from llamadesk.core.catalogue import CatalogueModel, Licence
    from llamadesk.ui.theme import ThemeManager

_OURS: Final = "This is a summary in our own words. What counts is the licence itself."
_LIMITS: Final = "What its makers warn of"
_WIDTH, _HEIGHT = 560, 520


class LicenceDialog(QDialog):
    """A licence in plain words, with the way to its text.

    Args:
        licence: what is shown.
        model: what is to be used under it; None where the catalogue does not have it any more.
        asks: whether it is to be accepted; else it is only read.
    """

    def __init__(
        self,
        licence: Licence,
        model: CatalogueModel | None,
        theme: ThemeManager,
        parent: QWidget | None = None,
        *,
        asks: bool,
    ) -> None:
        super().__init__(parent)
        self._licence = licence
        self._model = model
        self._theme = theme
        self._asks = asks
        self.setWindowTitle("Licence")
        self.setAccessibleName(licence.title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._lay_out()
        theme.changed.connect(self._dress)
        self._dress()
        room = self.screen().availableGeometry()
        self.resize(min(theme.px(_WIDTH), room.width() - 40), min(theme.px(_HEIGHT), room.height() - 40))

    def _lay_out(self) -> None:
        scroll = ScrollColumn(self._theme, _WIDTH)
        scroll.setAccessibleName("Licence in plain words")
        lines = scroll.lines
        lines.addWidget(label(self._licence.title, "brand", wrap=True))
        lines.addWidget(label(self._intro(), "body", wrap=True))
        lines.addWidget(label(self._licence.summary, "lead", wrap=True))
        for link in self._links():
            lines.addWidget(link, 0, Qt.AlignmentFlag.AlignLeft)
        if self._model is not None and self._model.limits:
            lines.addSpacing(self._theme.px(6))
            lines.addWidget(label(_LIMITS, "section", wrap=True))
            lines.addWidget(label(self._model.limits, "lead", wrap=True))
        lines.addWidget(label(_OURS, "small", wrap=True))
        lines.addStretch()
        self._foot = self._buttons()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(scroll, 1)
        layout.addLayout(self._foot)

    def _intro(self) -> str:
        if self._model is None:
            return "A model may be used under these terms."
        who = f"{self._model.name} is made by {self._model.publisher}."
        if self._asks:
            return f"{who} Before it is downloaded, its makers ask you to accept these terms. You are asked this once."
        return f"{who} You may use it under these terms."

    def _links(self) -> list[QPushButton]:
        links = [self._link("Read the licence", self._licence.url)]
        if self._licence.policy_url:
            links.append(self._link("Read the use policy", self._licence.policy_url))
        return links

    def _link(self, text: str, address: str) -> QPushButton:
        link = IconButton(self._theme, "external-link", f"{text}, in the browser", address, text=text, kind="outlined")
        link.setAutoDefault(False)
        link.clicked.connect(lambda: QDesktopServices.openUrl(QUrl(address)))
        return link

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addStretch()
        if self._asks:
            not_now, accept = QPushButton("Not now"), QPushButton("I accept")
            not_now.clicked.connect(self.reject)
            accept.setProperty("kind", "primary")
            accept.clicked.connect(self.accept)
            buttons = [not_now, accept]
        else:
            close = QPushButton("Close")
            close.clicked.connect(self.reject)
            buttons = [close]
        for button in buttons:
            button.setAutoDefault(False)  # nobody accepts terms with an Enter that was meant for something else
            row.addWidget(button)
        return row

    @Slot()
    def _dress(self) -> None:
        theme, c = self._theme, self._theme.colours
        self.setStyleSheet(
            room_sheet(theme) + f"QDialog, #scroll, #body, #column {{ background: {c.window}; }}"
            f'QLabel[role="lead"] {{ font-size: {theme.px(14)}px; color: {c.text}; }}'
        )
        self._foot.setContentsMargins(theme.px(22), theme.px(8), theme.px(22), theme.px(16))
        self._foot.setSpacing(theme.px(8))
