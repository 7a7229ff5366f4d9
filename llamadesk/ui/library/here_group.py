"""What lies in one place on this computer: a heading, the folder, and a row for each file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from llamadesk.core.places import PlacedFile, PlaceGroup, Unusable, Where
from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.library.here_rows import FileRow, UnusableRow
from llamadesk.ui.widgets import ElidedLabel, label, push_button, set_property

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk
    from llamadesk.ui.theme import ThemeManager

_FIRST, _MORE = 12, 50
"""Rows that are shown at first, and with each press of the button below them. Each is made of widgets."""
_NOT_THERE: Final = (
    "This folder is not there now. If it lies on a drive of its own, connect it: it is noticed by itself."
)
_OWN_EMPTY: Final = "Nothing is in it yet. What you download comes here, and so can files that you have."
_EMPTY: Final = "No models are in it."


class HereGroup(QWidget):
    """Follows one place. `show_group` says what is in it; the rows are made by `grow`, a few at a time."""

    used = Signal(object)
    family_asked = Signal(str)
    model_page_asked = Signal(object)
    chat_asked = Signal()
    grows = Signal()
    """There are rows to be made."""

    def __init__(self, desk: Desk, theme: ThemeManager) -> None:
        super().__init__()
        self._desk = desk
        self._theme = theme
        self._group: PlaceGroup | None = None
        self._limit = _FIRST
        self._rows: dict[PlacedFile | Unusable, FileRow | UnusableRow] = {}
        self._title = ElidedLabel("section")
        self._title.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)  # the links at the right
        self._open = push_button("Open folder", self._open_folder, "link")
        self._remove = push_button("Remove", self._remove_folder, "link")
        self._folder = ElidedLabel("faint")
        self._folder.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._note = label("", "small", wrap=True)
        self._box = QFrame()
        self._box.setObjectName("group")
        self._list = QVBoxLayout(self._box)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(0)
        self._more = push_button("", self._show_more, "link")
        self._lay_out()

    def show_group(self, group: PlaceGroup) -> None:
        """This is in it now."""
        self._group = group
        self.setAccessibleName(group.title)
        self._title.setText(group.title)
        self._folder.setText(", ".join(map(str, group.folders)))
        self._folder.setVisible(bool(group.folders))
        self._open.setVisible(group.is_there and len(group.folders) == 1)
        self._open.setAccessibleName(f"Open folder: {group.title}")
        self._remove.setVisible(group.where is Where.FOLDER)
        self._remove.setAccessibleName(f"Remove {group.title}: do not look there any more")
        notes = " ".join((*self._about(group), *group.notes))
        self._note.setText(notes)
        self._note.setVisible(bool(notes))
        shown = self._shown()
        wanted = frozenset(shown)
        for entry in [entry for entry in self._rows if entry not in wanted]:
            row = self._rows.pop(entry)
            self._list.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._box.setVisible(bool(shown))
        self._show_count()
        self.grows.emit()

    def grow(self, n_rows: int) -> bool:
        """Make so many more of the rows that are missing, in their order. True while there are others."""
        for index, entry in enumerate(self._shown()):
            row = self._rows.get(entry)
            if row is None:
                if n_rows == 0:
                    return True
                n_rows -= 1
                row = self._rows[entry] = self._make(entry)
            if self._list.indexOf(row) != index:
                self._list.insertWidget(index, row)
            set_property(row, "first", "yes" if index == 0 else "no")
        return False

    def refresh(self) -> None:
        """Another model may be in use."""
        for row in self._rows.values():
            row.refresh()

    def dress(self) -> None:
        """Follow the theme; the sheet is that of the page."""
        px = self._theme.px
        self._layout.setContentsMargins(0, px(14), 0, 0)
        self._layout.setSpacing(px(6))
        self._head.set_room(0, px(8))
        self._links.setSpacing(px(8))
        for row in self._rows.values():
            row.dress()

    def _lay_out(self) -> None:
        links = QWidget()
        self._links = QHBoxLayout(links)
        self._links.setContentsMargins(0, 0, 0, 0)
        self._links.addWidget(self._open)
        self._links.addWidget(self._remove)
        self._links.addStretch()
        self._head = FoldingRow()
        self._head.add(self._title, 1)
        self._head.add(links)
        self._layout = QVBoxLayout(self)
        self._layout.addWidget(self._head)
        for widget in (self._folder, self._note, self._box):
            self._layout.addWidget(widget)
        self._layout.addWidget(self._more, 0, Qt.AlignmentFlag.AlignLeft)
        self.dress()

    @staticmethod
    def _about(group: PlaceGroup) -> tuple[str, ...]:
        if group.where is Where.FOLDER and not group.is_there:
            return (_NOT_THERE,)
        if group.entries:
            return ()
        return (_OWN_EMPTY if group.where is Where.OWN else _EMPTY,)

    def _shown(self) -> tuple[PlacedFile | Unusable, ...]:
        return self._group.entries[: self._limit] if self._group is not None else ()

    def _make(self, entry: PlacedFile | Unusable) -> FileRow | UnusableRow:
        if isinstance(entry, Unusable):
            return UnusableRow(entry, self._theme)
        row = FileRow(entry, self._desk, self._theme)
        row.used.connect(self.used)
        row.family_asked.connect(self.family_asked)
        row.model_page_asked.connect(self.model_page_asked)
        row.chat_asked.connect(self.chat_asked)
        return row

    def _show_count(self) -> None:
        hidden = len(self._group.entries) - self._limit if self._group is not None else 0
        self._more.setVisible(hidden > 0)
        self._more.setText(f"Show {min(hidden, _MORE)} more of {hidden:,}")

    def _show_more(self) -> None:
        self._limit += _MORE
        self._show_count()
        self.grows.emit()

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._only_folder())))

    def _remove_folder(self) -> None:
        self._desk.library.remove_folder(self._only_folder())

    def _only_folder(self) -> Path:
        return self._group.folders[0] if self._group is not None and self._group.folders else Path()
