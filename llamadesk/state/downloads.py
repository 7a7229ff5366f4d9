"""The downloads that are under way, wait, have failed or are done, in the order they were asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal, Slot

from llamadesk.core.downloads import DownloadEntry

if TYPE_CHECKING:
    from llamadesk.core.catalogue import CatalogueModel

_Index = QModelIndex | QPersistentModelIndex

_QUIET_MS = 200


class DownloadListModel(QAbstractListModel):
    """Each row is a download: DisplayRole is its title, ENTRY the DownloadEntry."""

    ENTRY = Qt.ItemDataRole.UserRole + 1

    changed = Signal()
    """Something is other than before. At once where all was quiet, and then at most five times a second."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: list[DownloadEntry] = []
        self._untold = False
        self._quiet = QTimer(self, singleShot=True, interval=_QUIET_MS)
        self._quiet.timeout.connect(self._tell_untold)

    # --- What views read ---

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """How many downloads there are."""
        return 0 if parent.isValid() else len(self._entries)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """See the class."""
        if not index.isValid():
            return None
        entry = self._entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.download.title
        return entry if role == self.ENTRY else None

    def entries(self) -> list[DownloadEntry]:
        """All of them, in order."""
        return list(self._entries)

    def find(self, download_id: int) -> DownloadEntry | None:
        """A download by its id."""
        return next((entry for entry in self._entries if entry.download.id == download_id), None)

    def of_file(self, repository: str, path: str) -> DownloadEntry | None:
        """The download of a file of the hub, by the path of its first part; the newest where there are several."""
        named = (
            entry
            for entry in reversed(self._entries)
            if (entry.download.repository, entry.download.from_hub_path) == (repository, path)
        )
        return next(named, None)

    def of_model(self, model: CatalogueModel, quantization: str) -> DownloadEntry | None:
        """The download of a model of the catalogue: what was asked for as that, whatever its file is called on the hub,
        and the files that the catalogue names; the newest where there are several."""
        files = [(source.repository, source.file_name(quantization)) for source in model.sources]
        named = (
            entry
            for entry in reversed(self._entries)
            if entry.download.asked_as == (model.id, quantization)
            or (entry.download.repository, entry.download.from_hub_path) in files
        )
        return next(named, None)

    @property
    def n_active(self) -> int:
        """How many are under way or wait for their turn."""
        return sum(entry.is_active for entry in self._entries)

    # --- What control writes ---

    def show(self, entries: Iterable[DownloadEntry]) -> None:
        """Take these in place of all there are."""
        self.beginResetModel()
        self._entries = sorted(entries, key=_id)
        self.endResetModel()
        self._tell()

    def put(self, entry: DownloadEntry) -> None:
        """A download is new, and then the last, or is other than before."""
        for row, known in enumerate(self._entries):
            if known.download.id == entry.download.id:
                if known != entry:
                    self._entries[row] = entry
                    self.dataChanged.emit(self.index(row), self.index(row))
                    self._tell()
                return
        row = len(self._entries)
        self.beginInsertRows(QModelIndex(), row, row)
        self._entries.append(entry)
        self.endInsertRows()
        self._tell()

    def remove(self, download_id: int) -> None:
        """A download is gone."""
        for row, known in enumerate(self._entries):
            if known.download.id == download_id:
                self.beginRemoveRows(QModelIndex(), row, row)
                del self._entries[row]
                self.endRemoveRows()
                self._tell()
                return

    def _tell(self) -> None:
        if self._quiet.isActive():
            self._untold = True
        else:
            self._quiet.start()
            self.changed.emit()

    @Slot()
    def _tell_untold(self) -> None:
        if self._untold:
            self._untold = False
            self._tell()


def _id(entry: DownloadEntry) -> int:
    return entry.download.id
