"""The person's own lists of models, which stand in the catalogue beside what LlamaDesk knows by itself."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from llamadesk.core.errors import Problem
from llamadesk.core.list_words import count_words
from llamadesk.ui.library.card_column import take_out
from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.library.list_card import ListCard
from llamadesk.ui.library.scroll_column import ScrollColumn
from llamadesk.ui.notice_stack import NoticeStack
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label, push_button

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk
    from llamadesk.core.catalogue import CatalogueSource

_TITLE: Final = "Lists of models"
_INTRO: Final = (
    "A list is a small file that tells LlamaDesk of more models: what they are called, what they need, and where on "
    "the hub they lie. They then stand among all the others. Add lists of people you trust."
)
_SENT: Final = (
    "A list is fetched when you press “Add” or “Fetch again”, and never else. Its server sees your internet address "
    "and that LlamaDesk asks; nothing about you, your models or your chats is sent."
)
_NOTHING: Final = "You have added no list. All models that you see come with LlamaDesk."
_READING: Final = "Fetching the list…"
_FILTER: Final = "Lists of models (*.json);;All files (*)"
_WIDTH, _HEIGHT, _WIDEST = 620, 560, 720
_FOLDED_BELOW: Final = 420


class ListsDialog(QDialog):
    """Follows the catalogue. What went wrong with a list is told at its foot."""

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self._cards: dict[Path, ListCard] = {}
        self._asked, self._asked_after = "", 0
        self.setWindowTitle(_TITLE)
        self.setAccessibleName(_TITLE)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.address = QLineEdit(placeholderText="https://…", clearButtonEnabled=True)
        self.address.setAccessibleName("Address of a list")
        self.address.setAccessibleDescription(_SENT)
        self.address.returnPressed.connect(self._add_address)
        self.address.textChanged.connect(self._show_whether_ready)
        self.add_button = push_button("Add", self._add_address, name="Add the list at this address")
        self.file_button = push_button("Add a file…", self._choose_file)
        self._state = label("", "small", wrap=True)
        self._state.setAccessibleName("State of the lists")
        self.notices = NoticeStack(desk, theme, self, is_main=False)
        self._lay_out()
        desk.catalogue.state.changed.connect(self._show)
        theme.changed.connect(self._dress)
        self._dress()
        desk.catalogue.look()
        self._show()
        room = self.screen().availableGeometry()
        self.resize(min(theme.px(_WIDTH), room.width() - 40), min(theme.px(_HEIGHT), room.height() - 40))
        self.address.setFocus()

    # --- What is asked for ---

    @Slot()
    def _add_address(self) -> None:
        if self.add_button.isEnabled():
            self._asked = self.address.text().strip()
            kept = self._list_from(self._asked)
            self._asked_after = kept.kept_at if kept is not None else 0
            self._desk.catalogue.add_source(self._asked)

    @Slot()
    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Add a list of models", str(Path.home()), _FILTER)
        if path:
            self._desk.catalogue.add_source(path)

    # --- What is shown ---

    @Slot()
    def _show(self) -> None:
        state = self._desk.catalogue.state
        problems: dict[Path, list[Problem]] = defaultdict(list)
        for path, problem in state.catalogue.problems:
            problems[path].append(problem)
        shown = {source.path: source for source in state.sources}
        for path in [path for path in self._cards if path not in shown]:
            self._drop(path)
        for row, source in enumerate(state.sources):
            card = self._cards.get(source.path)
            if card is None:
                card = self._cards[source.path] = ListCard(self._desk, self._theme, source, self._list)
                self._column.insertWidget(row, card)
            card.show_list(source, problems[source.path], is_fetching=bool(source.url) and source.url in state.reading)
        self._show_asked()
        is_reading = self._asked in state.reading
        self._list.setVisible(bool(shown))
        words = _READING if is_reading else "" if shown else _NOTHING
        self._state.setText(words)
        self._state.setVisible(bool(words))
        self._show_whether_ready()

    def _list_from(self, address: str) -> CatalogueSource | None:
        return next((source for source in self._desk.catalogue.state.sources if source.url == address), None)

    def _show_asked(self) -> None:
        """The field is for another address once the list that was asked for is there."""
        source = self._list_from(self._asked) if self._asked else None
        if source is not None and source.kept_at > self._asked_after:
            if self.address.text().strip() == self._asked:
                self.address.clear()
            self._asked = ""
            added = f"{source.name} was added: {count_words(source)}."
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, added))

    @Slot()
    def _show_whether_ready(self) -> None:
        address = self.address.text().strip()
        self.add_button.setEnabled(bool(address) and address not in self._desk.catalogue.state.reading)

    def _drop(self, path: Path) -> None:
        row = take_out(self._column, self._cards.pop(path))
        if row is not None:
            near = self._column.itemAt(min(row, self._column.count() - 1))
            neighbour = near.widget() if near is not None else None
            if isinstance(neighbour, ListCard):
                neighbour.take_focus()
            else:
                self.file_button.setFocus(Qt.FocusReason.OtherFocusReason)

    # --- Looks ---

    def _lay_out(self) -> None:
        self._entry = FoldingRow()
        self._entry.add(self.address, 1)
        self._entry.add(self.add_button)
        self._entry.add(self.file_button)
        self._list = QWidget()
        self._list.setAccessibleName("Your lists")
        self._column = QVBoxLayout(self._list)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._scroll = ScrollColumn(self._theme, _WIDEST)
        lines = self._scroll.lines
        lines.addWidget(label(_TITLE, "brand", wrap=True))
        lines.addWidget(label(_INTRO, "body", wrap=True))
        lines.addWidget(self._entry)
        lines.addWidget(label(_SENT, "small", wrap=True))
        lines.addWidget(self._state)
        lines.addWidget(self._list)
        lines.addStretch()
        close = push_button("Close", self.reject)
        for button in (self.add_button, self.file_button, close):
            button.setAutoDefault(False)  # Enter in the field adds what is in it, and presses nothing
        foot = QHBoxLayout()
        foot.addStretch()
        foot.addWidget(close)
        self._foot = foot
        told = QVBoxLayout()
        told.addWidget(self.notices)
        self._told = told
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._scroll, 1)
        layout.addLayout(told)
        layout.addLayout(foot)

    @Slot()
    def _dress(self) -> None:
        theme, c, px = self._theme, self._theme.colours, self._theme.px
        self.setStyleSheet(
            room_sheet(theme) + f"QDialog, #scroll, #body, #column {{ background: {c.window}; }}"
            f"#card {{ background: {c.surface_raised}; border: 1px solid {c.border}; border-radius: {px(12)}px; }}"
            f'QLabel[tone="error"] {{ color: {c.error}; }}'
        )
        self._entry.set_room(px(_FOLDED_BELOW), px(8))
        self._column.setSpacing(px(10))
        self._told.setContentsMargins(px(20), 0, px(20), 0)
        self._foot.setContentsMargins(px(24), px(8), px(24), px(16))
        for card in self._cards.values():
            card.dress()
