"""One of the person's own lists of models on a card: where it is from, what is in it, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFrame, QSizePolicy, QVBoxLayout, QWidget

from llamadesk.core.catalogue import CatalogueSource
from llamadesk.core.errors import Problem
from llamadesk.core.list_words import count_words, list_problem, origin_words
from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import ElidedLabel, label, push_button

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_FETCHING = "Fetching it again…"


class ListCard(QFrame):
    """Shows a CatalogueSource; who has made it calls `show_list` when there is another state of it."""

    def __init__(self, desk: Desk, theme: ThemeManager, source: CatalogueSource, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._catalogue = desk.catalogue
        self._theme = theme
        self._source = source
        self.setObjectName("card")
        name = source.name
        self._title = _line("section")
        self._count = label("", "value")
        self._origin = _line("small")
        self._trouble, self._detail = label("", "small", wrap=True), label("", "small", wrap=True)
        self._trouble.setProperty("tone", "error")
        for words in (self._trouble, self._detail):
            words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            words.setMinimumWidth(80)
        self._again = push_button("Fetch again", self._fetch_again, "link", name=f"Fetch {name} again")
        self._folder = push_button("Open folder", self._open_folder, "link", name=f"Open the folder of {name}")
        self._remove = push_button("Remove", self._let_go, "link", name=f"Remove {name}")
        self._lay_out()
        self.dress()

    def show_list(self, source: CatalogueSource, problems: Sequence[Problem], *, is_fetching: bool) -> None:
        """Show another state of the list, and what of it cannot be used."""
        self._source = source
        had_focus = self._again.hasFocus()
        origin, count = _FETCHING if is_fetching else origin_words(source), count_words(source)
        problem = list_problem(source.name, problems) if problems else None
        trouble, detail = (problem.text, problem.detail) if problem is not None else ("", "")
        self.setAccessibleName(f"{source.name}: {count}. {origin}")
        self.setAccessibleDescription(trouble)
        self._title.setText(source.name)
        self._count.setText(count)
        self._origin.setText(origin)
        for line, words in ((self._trouble, trouble), (self._detail, detail)):
            line.setText(words)
            line.setVisible(bool(words))
        self._again.setVisible(bool(source.url))
        self._again.setEnabled(not is_fetching)
        self._folder.setVisible(not source.kept_at)
        self._remove.setVisible(bool(source.kept_at))
        if had_focus and is_fetching:
            self._remove.setFocus(Qt.FocusReason.OtherFocusReason)  # a button that is off loses it to the next card

    def take_focus(self) -> None:
        """Put the focus onto the first thing that can be done."""
        for button in (self._again, self._folder, self._remove):
            if button.isVisibleTo(self) and button.isEnabled():
                button.setFocus(Qt.FocusReason.OtherFocusReason)
                return

    def dress(self) -> None:
        """Follow the theme; the sheet is that of the dialog."""
        px = self._theme.px
        self._lines.setContentsMargins(px(16), px(12), px(16), px(10))
        self._lines.setSpacing(px(4))
        self._head.set_room(px(260), px(8))
        self._acts.set_room(0, px(8))

    def _lay_out(self) -> None:
        self._head = FoldingRow()
        self._head.add(self._title, 1)
        self._head.add(self._count)
        self._acts = FoldingRow()
        for button in (self._again, self._folder, self._remove):
            button.setAutoDefault(False)
            self._acts.add(button)
        self._acts.add_stretch()
        self._lines = QVBoxLayout(self)
        for widget in (self._head, self._origin, self._trouble, self._detail, self._acts):
            self._lines.addWidget(widget)

    def _fetch_again(self) -> None:
        self._catalogue.fetch_again(self._source)

    def _let_go(self) -> None:
        self._catalogue.remove_source(self._source)

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._source.path.parent)))


def _line(role: str) -> ElidedLabel:
    line = ElidedLabel(role)
    line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return line
