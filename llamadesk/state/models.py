"""The models on this machine, as the settings pane offers them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from llamadesk.core.models import ModelFamily, ModelFile


class ModelShelf(QObject):
    """The families found, and the file that is chosen (it need not be loaded yet, nor exist any more)."""

    families_changed = Signal()
    chosen_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._families: tuple[ModelFamily, ...] = ()
        self._chosen: ModelFile | None = None
        self._looking = True

    @property
    def families(self) -> tuple[ModelFamily, ...]:
        """Every family, by name."""
        return self._families

    @property
    def chosen(self) -> ModelFile | None:
        """The file the person chose."""
        return self._chosen

    @property
    def chosen_family(self) -> ModelFamily | None:
        """The family of the chosen file."""
        chosen = self._chosen
        if chosen is None:
            return None
        return next((family for family in self._families if chosen in family.files), None)

    def file_at(self, path: Path) -> ModelFile | None:
        """The file found at `path`."""
        return next((file for family in self._families for file in family.files if file.path == path), None)

    @property
    def expected(self) -> bool:
        """Whether there is a chosen file, or may be one in a moment: at the start nobody has looked yet."""
        return self._looking or self._chosen is not None

    def looked(self) -> None:
        """Whatever can be chosen without the person has been."""
        self._looking = False
        self.chosen_changed.emit()

    def set_families(self, families: Sequence[ModelFamily]) -> None:
        """A scan ended."""
        self._families = tuple(families)
        self.families_changed.emit()

    def choose(self, file: ModelFile | None) -> None:
        """The person chose another file."""
        if file != self._chosen:
            self._chosen = file
            self.chosen_changed.emit()
