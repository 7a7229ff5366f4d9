"""The page with the downloads: a card for each, and how fast they may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from llamadesk.core.downloads import DownloadStage
from llamadesk.core.settings import DOWNLOAD_LIMIT, SETTINGS
from llamadesk.ui.icons import icon_pixmap
from llamadesk.ui.library.card_column import take_out
from llamadesk.ui.library.download_card import DownloadCard
from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.library.pages import LibraryPage
from llamadesk.ui.library.scroll_column import ScrollColumn
from llamadesk.ui.setting_rows import NumberRow
from llamadesk.ui.style import room_sheet
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label, push_button

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_TITLE: Final = "Downloads"
_TEXT: Final = "They go on after a pause, a lost connection or a restart of LlamaDesk, with what has arrived already."
_NOTHING: Final = "Nothing is being downloaded"
_NOTHING_TEXT: Final = (
    "When you download a model, you see here how far it is. You can pause it, and close LlamaDesk meanwhile: it goes "
    "on where it was."
)
_WIDEST: Final = 760


class DownloadsPage(QWidget):
    """Follows the list of downloads."""

    page_asked = Signal(str)
    hub_asked = Signal(str)
    chat_asked = Signal()

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self._cards: dict[int, DownloadCard] = {}
        self.setObjectName("downloads")
        self.setAccessibleName(_TITLE)
        self._clear = push_button("Clear finished", desk.downloads.forget_done)
        self._clear.setToolTip("Take what is done off this list; the files stay")
        self._text = label(_TEXT, "body", wrap=True)
        self._suited = push_button("Models that suit this computer", self._ask_for_suited, "primary")
        self._find = push_button("Find more", lambda: self.hub_asked.emit(""))
        self._list = QWidget()
        self._list.setAccessibleName("List of downloads")
        self._column = QVBoxLayout(self._list)
        self._limit = NumberRow(SETTINGS[DOWNLOAD_LIMIT], desk, theme)
        self._lay_out()
        desk.downloads.state.changed.connect(self._show)
        theme.changed.connect(self._dress)
        self._dress()
        self._show()

    def _lay_out(self) -> None:
        self._head = FoldingRow()
        self._head.add(label(_TITLE, "hero"), 1)
        self._head.add(self._clear)
        self._empty = QWidget()
        self._sign = QLabel()
        self._space = QVBoxLayout(self._empty)
        for line in (self._sign, label(_NOTHING, "title", wrap=True), label(_NOTHING_TEXT, "body", wrap=True)):
            line.setAlignment(Qt.AlignmentFlag.AlignCenter)
            self._space.addWidget(line)
        for button in (self._suited, self._find):
            self._space.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        self._scroll = ScrollColumn(self._theme, _WIDEST)
        lines = self._scroll.lines
        for widget in (self._head, self._text, self._list, self._empty):
            lines.addWidget(widget)
        lines.addStretch()
        lines.addWidget(self._limit)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._scroll)

    @Slot()
    def _show(self) -> None:
        entries = self._desk.downloads.state.entries()
        gone = self._cards.keys() - {entry.download.id for entry in entries}
        for download_id in gone:
            self._remove(download_id)
        for row, entry in enumerate(entries):
            card = self._cards.get(entry.download.id)
            if card is None:
                card = self._cards[entry.download.id] = DownloadCard(entry, self._desk, self._theme, self._list)
                card.chat_asked.connect(self.chat_asked)
                self._column.insertWidget(row, card)
            else:
                card.show_entry(entry)
        self._clear.setVisible(any(entry.status.stage is DownloadStage.DONE for entry in entries))
        for widget in (self._text, self._list):
            widget.setVisible(bool(entries))
        self._empty.setVisible(not entries)

    def _remove(self, download_id: int) -> None:
        row = take_out(self._column, self._cards.pop(download_id))
        if row is not None:
            self._focus_near(row)

    def _focus_near(self, row: int) -> None:
        """The card in a row is gone, and had the focus: the next one has it, or the one before, or the empty page."""
        for near in (row, row - 1):
            item = self._column.itemAt(near)
            card = item.widget() if item is not None else None
            if isinstance(card, DownloadCard):
                card.take_focus()
                return
        self._empty.show()  # a moment before the rest: what is hidden takes no focus
        self._suited.setFocus(Qt.FocusReason.OtherFocusReason)

    def _ask_for_suited(self) -> None:
        self.page_asked.emit(LibraryPage.FOR_YOU.value)

    @Slot()
    def _dress(self) -> None:
        theme, c = self._theme, self._theme.colours
        px = theme.px
        self.setStyleSheet(
            room_sheet(theme)
            + f"#downloads, #scroll, #body, #column {{ background: {c.window}; }}"
            + f"#card {{ background: {c.surface_raised}; border: 1px solid {c.border}; border-radius: {px(12)}px; }}"
            + f'QProgressBar[rests="yes"]::chunk {{ background: {c.text_faint}; border-radius: {px(2)}px; }}'
            + f'QLabel[tone="error"] {{ color: {c.error}; }}'
        )
        self._head.set_room(0, px(8))
        self._column.setContentsMargins(0, px(6), 0, px(10))
        self._column.setSpacing(px(10))
        self._space.setContentsMargins(px(16), px(48), px(16), px(48))
        self._space.setSpacing(px(10))
        self._sign.setPixmap(icon_pixmap("download", c.text_faint, px(40), self.devicePixelRatioF()))
        for card in self._cards.values():
            card.dress()
