"""The files of a repository, one row each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from llamadesk.core.hub import HubFile
from llamadesk.core.hub_fit import quantization_of
from llamadesk.core.hub_words import title_of
from llamadesk.ui.library.hub_file_row import HubFileRow
from llamadesk.ui.library.hub_rows import hub_row
from llamadesk.ui.theme import ThemeManager

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk
    from llamadesk.core.catalogue import Licence

_ROWS_AT_ONCE: Final = 2
"""Some repositories have hundreds of files: made together, their rows would hold up the window."""


class HubFiles(QWidget):
    """Follows what is known of the files, and their downloads."""

    downloads_asked = Signal()

    def __init__(self, desk: Desk, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._theme = theme
        self._files: tuple[HubFile, ...] = ()
        self.rows: list[HubFileRow] = []
        self.setAccessibleName("Files")
        self._lines = QVBoxLayout(self)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._making = QTimer(self, interval=0)
        self._making.timeout.connect(self._make_more)
        desk.hub.state.facts_changed.connect(self._refresh)
        desk.downloads.state.changed.connect(self._refresh)
        theme.changed.connect(self._dress)
        self._dress()

    def show_files(self, files: Sequence[HubFile]) -> None:
        """Show these, in their order."""
        if tuple(files) == self._files:
            return
        self._files = tuple(files)
        for row in self.rows:
            self._lines.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = []
        self._making.start()

    @Slot()
    def _make_more(self) -> None:
        first = len(self.rows)
        for file in self._files[first : first + _ROWS_AT_ONCE]:
            row = HubFileRow(file, self._theme)
            row.download_asked.connect(self._download)
            row.look_asked.connect(self._desk.hub.look_into)
            row.downloads_asked.connect(self.downloads_asked)
            row.show_row(hub_row(self._desk, file))
            self.rows.append(row)
            self._lines.addWidget(row)
        if len(self.rows) == len(self._files):
            self._making.stop()

    @Slot()
    def _refresh(self) -> None:
        for row in self.rows:
            row.show_row(hub_row(self._desk, row.file))

    @Slot(object)
    def _download(self, file: HubFile) -> None:
        """Download it; where its licence has to be accepted first, that is asked."""
        page = self._desk.hub.state.page
        licence = self._desk.catalogue.licence_to_accept(page.model.licence) if page is not None else None
        if licence is None:
            self._add(file)
            return
        from llamadesk.ui.library.licence_dialog import LicenceDialog  # noqa: PLC0415 - few licences ask for it

        dialog = LicenceDialog(licence, None, self._theme, self, asks=True)
        dialog.accepted.connect(lambda: self._accept(licence, file))
        dialog.open()

    def _accept(self, licence: Licence, file: HubFile) -> None:
        self._desk.catalogue.accept(licence.id)
        self._add(file)

    def _add(self, file: HubFile) -> None:
        facts = self._desk.hub.state.facts.get(file.path)
        self._desk.downloads.add(file, title_of(file.repository, quantization_of(file, facts)))

    @Slot()
    def _dress(self) -> None:
        self._lines.setSpacing(self._theme.px(8))
