"""The list of pages at the left of the window of models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QWidget

from llamadesk.ui.icons import icon
from llamadesk.ui.library.pages import LISTED, LibraryPage
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import plain_tip

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_WIDTH: Final = 196
_FOLDED_WIDTH: Final = 52
_ROW_HEIGHT: Final = 38


class PageList(QListWidget):
    """Names with an icon each, or the icons alone; the downloads are counted."""

    page_asked = Signal(str)
    """A page by its name in `LibraryPage`; also the one that is marked, where it is clicked."""

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self._is_folded = False
        self.setAccessibleName("Library pages")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for entry in LISTED:
            self.addItem(QListWidgetItem(entry.title))
        self.currentRowChanged.connect(self._ask)
        self.itemClicked.connect(lambda item: self._ask(self.row(item)))
        desk.downloads.state.changed.connect(self._show)
        theme.changed.connect(self._dress)
        self._dress()

    def mark(self, page: LibraryPage | None) -> None:
        """Show that this page, or one that it led to, is on screen; None is none of those listed."""
        listed = [entry.page for entry in LISTED]
        with QSignalBlocker(self):
            self.setCurrentRow(listed.index(page) if page is not None else -1)

    def set_folded(self, is_folded: bool) -> None:
        """Whether only the icons are shown."""
        self._is_folded = is_folded
        self.setFixedWidth(self._theme.px(_FOLDED_WIDTH if is_folded else _WIDTH))
        self._show()

    @Slot(int)
    def _ask(self, row: int) -> None:
        if row >= 0:
            self.page_asked.emit(LISTED[row].page.value)

    @Slot()
    def _show(self) -> None:
        n_active = self._desk.downloads.state.n_active
        for row, entry in enumerate(LISTED):
            counts = entry.page is LibraryPage.DOWNLOADS and n_active > 0
            title = f"{entry.title} ({n_active})" if counts else entry.title
            item = self.item(row)
            item.setText("" if self._is_folded else title)
            item.setToolTip(plain_tip(title) if self._is_folded else "")
            item.setData(Qt.ItemDataRole.AccessibleTextRole, title)

    @Slot()
    def _dress(self) -> None:
        c, px = self._theme.colours, self._theme.px
        self.setStyleSheet(
            f"QListWidget {{ background: {c.sidebar}; border: none; border-right: 1px solid {c.border}; outline: none;"
            f" padding: {px(10)}px {px(6)}px; font-size: {px(13)}px; }}"
            f"QListWidget::item {{ height: {px(_ROW_HEIGHT)}px; padding-left: {px(8)}px; color: {c.text};"
            f" border-radius: {px(8)}px; border: 1px solid transparent; }}"
            f"QListWidget::item:hover {{ background: {c.hover}; }}"
            f"QListWidget::item:selected {{ background: {c.selected}; }}"
            f"QListWidget::item:focus {{ border: 1px solid {c.focus}; }}"
        )
        size, gap = px(17), px(6)
        self.setIconSize(QSize(size + gap, size))
        for row, entry in enumerate(LISTED):
            self.item(row).setIcon(icon(entry.icon, c.text_muted, size, gap=gap))
        self.set_folded(self._is_folded)
