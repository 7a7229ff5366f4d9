"""What is on this computer to begin with, what suits it, as cards, and the other ways to a model: on the page "For
you", and in an empty chat while no model is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.library.pages import LibraryPage
from llamadesk.ui.library.ready_card import ReadyCard
from llamadesk.ui.library.suggestion_card import SuggestionCard
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_LOOKING = "Looking at what suits this computer…"
_HERE = "Look at what is on this computer"
_OR_DOWNLOAD = "Or download one that suits this computer:"
_NOTHING = (
    "None of the models LlamaDesk knows fits into the memory of this computer comfortably. Under “All models” you see "
    "what each would need. A smaller one may be found under “Find more”."
)


class SuggestionList(QWidget):
    """Follows the catalogue and the downloads, and has the catalogue look at this computer."""

    family_asked = Signal(str)
    page_asked = Signal(str)
    file_asked = Signal()
    chat_asked = Signal()

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self.cards: list[SuggestionCard] = []
        self._words = label("", "muted", wrap=True)
        self._words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.ready = ReadyCard(desk, theme)
        self.ready.all_asked.connect(lambda: self.page_asked.emit(LibraryPage.HERE.value))
        self.ready.chat_asked.connect(self.chat_asked)
        self._or_download = label(_OR_DOWNLOAD, "muted", wrap=True)
        self._column = QVBoxLayout()
        self._downloads = self._button("", lambda: self.page_asked.emit(LibraryPage.DOWNLOADS.value))
        self._here = self._button("", lambda: self.page_asked.emit(LibraryPage.HERE.value))
        self._links = FoldingRow()
        for button in (
            self._button("I have a model file…", self.file_asked),
            self._here,
            self._button("All models", lambda: self.page_asked.emit(LibraryPage.COMPARE.value)),
            self._downloads,
        ):
            self._links.add(button)
        self._links.add_stretch()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self.ready)
        self._layout.addWidget(self._or_download)
        self._layout.addWidget(self._words)
        self._layout.addLayout(self._column)
        self._layout.addWidget(self._links)
        desk.catalogue.state.changed.connect(self._show)
        desk.downloads.state.changed.connect(self._refresh)
        desk.models.families_changed.connect(self._refresh)
        desk.models.chosen_changed.connect(self._refresh)
        theme.changed.connect(self._dress)
        desk.catalogue.look()
        self._show()

    @Slot()
    def _show(self) -> None:
        state = self._desk.catalogue.state
        if [card.model_id for card in self.cards] != [each.model.id for each in state.suggestions]:
            self._make_cards()
        for card, suggestion in zip(self.cards, state.suggestions, strict=True):
            card.show_suggestion(suggestion)
        self._words.setText(_LOOKING if state.is_looking else _NOTHING)
        self._words.setVisible(not self.cards)
        self._refresh()

    def _make_cards(self) -> None:
        for card in self.cards:
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = [
            SuggestionCard(suggestion, self._desk, self._theme, self)
            for suggestion in self._desk.catalogue.state.suggestions
        ]
        for card in self.cards:
            card.family_asked.connect(self.family_asked)
            card.chat_asked.connect(self.chat_asked)
            self._column.addWidget(card)
        self._dress()

    @Slot()
    def _refresh(self) -> None:
        self.ready.refresh()
        is_ready = not self.ready.isHidden()
        self._or_download.setVisible(is_ready and bool(self.cards))
        for card in self.cards:
            card.set_leading(not is_ready)
            card.refresh()
        self._here.setVisible(not is_ready)  # the card leads there
        n_here = len(self._desk.models.families)
        self._here.setText(f"{_HERE} ({n_here})" if n_here else _HERE)
        n_active = self._desk.downloads.state.n_active
        self._downloads.setText(f"Downloads ({n_active})")
        self._downloads.setVisible(n_active > 0)

    def _button(self, text: str, pressed: object) -> QPushButton:
        button = QPushButton(text)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.clicked.connect(pressed)
        return button

    @Slot()
    def _dress(self) -> None:
        theme, c = self._theme, self._theme.colours
        self.setStyleSheet(
            room_sheet(theme) + f"#card {{ background: {c.surface_raised}; border: 1px solid {c.border};"
            f" border-radius: {theme.px(12)}px; }}"
            f'#card[recommended="yes"] {{ border: 1px solid {c.accent}; }}'
            f'#ready {{ border: none; }} #ready[first="no"] {{ border-top: 1px solid {c.border}; }}'
            f'QLabel[role="lead"] {{ font-size: {theme.px(14)}px; color: {c.text}; }}'
            f'QLabel[role="badge"] {{ font-size: {theme.px(11)}px; font-weight: 600; color: {c.accent_text};'
            f" background: {c.accent}; border-radius: {theme.px(9)}px; padding: {theme.px(2)}px {theme.px(9)}px; }}"
            f'QLabel[tone="error"] {{ color: {c.error}; }}'
        )
        self._layout.setSpacing(theme.px(14))
        self._column.setSpacing(theme.px(12))
        self._links.set_room(0, theme.px(8))
        self.ready.dress()
        for card in self.cards:
            card.dress()
